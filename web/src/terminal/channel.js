// One session as this page sees it: what has come, what has been parsed, what is still to be typed.

import { Cursor } from './cursor.js';
import { InputQueue } from './input.js';
import { AckPacer } from './pacing.js';

/** @typedef {{session: string, account_id: string, account: string, cwd: string, rows: number, cols: number, after: number, kind: 'terminal'|'login', read_only: boolean}} Started */
/** @typedef {{code: number|null, signal: string|number|null}} Exit */
/** @typedef {{session: string, account_id: string, captured: boolean, token_preview: string, has_refresh: boolean, expires_in_min: number|null}} LoginComplete */
/** @typedef {'connecting'|'connected'|'lost'|'refused'} ConnectionState */

/**
 * Who shows a session.
 * @typedef {object} View
 * @property {(started: Started) => void} started attached, for the first time or again
 * @property {(data: string, replace: boolean, parsed: () => void) => void} output `replace`: it is a picture of all
 *   before it, so the terminal is reset first; `parsed` is called once it has been drawn into the terminal's buffer
 * @property {(rows: number, cols: number) => void} resized by another viewer
 * @property {(exit: Exit) => void} exited
 * @property {(error: {error: string, hint?: string}) => void} failed
 * @property {(login: LoginComplete) => void} loginCompleted
 * @property {(state: ConnectionState) => void} connectionChanged
 * @property {(characters: number) => void} inputLost what was typed or pasted and did not arrive
 */

/** @callback Emit @param {string} event @param {object} payload @param {(answer: any) => void} [answered] @returns {void} */

export class Channel {
  #emit;
  #cursor = new Cursor();
  #pacer;
  #queue;
  /** @type {View|null} */
  #view = null;
  /** @type {((view: View) => void)[]} What came before anybody looked; the server's flow control bounds it. */
  #backlog = [];
  ended = false;
  /** @type {{rows: number, cols: number}|null} What the view has room for, as far as is known. */
  size = null;

  /**
   * @param {string} session
   * @param {Emit} emit drops what it is given while there is no connection
   */
  constructor(session, emit) {
    this.session = session;
    this.#emit = emit;
    this.#pacer = new AckPacer((after) => emit('terminal_ack', { session, after }));
    this.#queue = new InputQueue((data, taken) => this.#type(data, taken));
  }

  /** @param {View} view */
  bind(view) {
    this.#view = view;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const event of backlog) event(view);
  }

  /** @param {(view: View) => void} event */
  deliver(event) {
    if (this.#view) event(this.#view);
    else this.#backlog.push(event);
  }

  /** @param {import('./cursor.js').Output} output */
  output(output) {
    const action = this.#cursor.accept(output);
    if (action === 'skip') return;
    const parsed = () => this.#pacer.parsed(output.after);
    this.deliver((view) => view.output(output.data, action === 'replace', parsed));
  }

  /** @param {Exit} exit */
  exited(exit) {
    this.ended = true;
    this.#queue.clear();
    this.deliver((view) => view.exited(exit));
  }

  /** Asks the server for what comes after what has come. It never starts anything. */
  attach() {
    this.#pacer.restart(this.#cursor.received ?? 0);
    this.#emit('start_terminal', { ...this.#cursor.attachment(this.session), ...this.size }, (answer) => {
      if (answer?.error) this.deliver((view) => view.failed(answer));
    });
  }

  /** The connection has gone: what was not sent will not be. */
  lost() {
    this.#pacer.stop();
    const characters = this.#queue.clear();
    if (characters > 0) this.deliver((view) => view.inputLost(characters));
  }

  /** @param {string} text */
  input(text) {
    this.#queue.push(text);
  }

  /**
   * @param {number} rows
   * @param {number} cols
   */
  resize(rows, cols) {
    this.size = { rows, cols };
    this.#emit('resize_terminal', { session: this.session, rows, cols });
  }

  close() {
    this.#view = null;
    this.#backlog = [];
    this.#pacer.stop();
    this.#queue.clear();
    this.#emit('detach_terminal', { session: this.session });
  }

  /**
   * @param {string} data
   * @param {(() => void)|null} taken
   */
  #type(data, taken) {
    if (!taken) return this.#emit('terminal_input', { session: this.session, data });
    this.#emit('terminal_input', { session: this.session, data }, (answer) => {
      if (answer?.error && !this.ended) this.deliver((view) => view.inputLost(data.length));
      taken();
    });
  }
}
