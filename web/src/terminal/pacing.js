// Telling the server how far xterm has parsed, so that it sends no faster than this tab can draw.

/** Bytes of output parsed since the last word, at which the next is due at once. */
export const ACK_BYTES = 32 * 1024;
/** Milliseconds after which less is told as well. */
export const ACK_INTERVAL = 50;

/**
 * @typedef {object} Timers
 * @property {(run: () => void, wait: number) => any} set
 * @property {(timer: any) => void} clear
 */

/** @type {Timers} */
const browserTimers = { set: (run, wait) => setTimeout(run, wait), clear: (timer) => clearTimeout(timer) };

/** Acknowledgements of one session: at most one each `ACK_BYTES` or `ACK_INTERVAL`, and the last one always. */
export class AckPacer {
  #send;
  #timers;
  #told = 0;
  #parsed = 0;
  /** @type {any} */
  #timer = null;

  /**
   * @param {(after: number) => void} send
   * @param {Timers} [timers]
   */
  constructor(send, timers = browserTimers) {
    this.#send = send;
    this.#timers = timers;
  }

  /**
   * Everything up to `after` has been parsed.
   * @param {number} after sequence number
   */
  parsed(after) {
    if (after <= this.#parsed) return;
    this.#parsed = after;
    if (after - this.#told >= ACK_BYTES) this.#tell();
    else this.#timer ??= this.#timers.set(() => this.#tell(), ACK_INTERVAL);
  }

  /**
   * The server counts anew from `after`: a fresh attachment, or a picture that stands for all before it.
   * @param {number} after
   */
  restart(after) {
    this.#stopTimer();
    this.#told = after;
    this.#parsed = after;
  }

  stop() {
    this.#stopTimer();
  }

  #tell() {
    this.#stopTimer();
    if (this.#parsed <= this.#told) return;
    this.#told = this.#parsed;
    this.#send(this.#parsed);
  }

  #stopTimer() {
    if (this.#timer !== null) this.#timers.clear(this.#timer);
    this.#timer = null;
  }
}
