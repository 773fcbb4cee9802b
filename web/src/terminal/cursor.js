// Where a pane stands in the output of its session. Sequence numbers count the bytes of the raw output, so they only
// grow; they are what makes a dropped connection invisible.

/** @typedef {{data: string, after: number, reset?: boolean}} Output */

export class Cursor {
  /** @type {number|null} Up to here the output is in xterm's hands; null before anything came. */
  #received = null;

  get received() {
    return this.#received;
  }

  /**
   * What to do with an output that arrives: `replace` what is shown by it, `write` it behind that, or `skip` it, since
   * everything in it has come before.
   * @param {Output} output
   * @returns {'replace'|'write'|'skip'}
   */
  accept(output) {
    if (output.reset) {
      this.#received = output.after;
      return 'replace';
    }
    if (this.#received !== null && output.after <= this.#received) return 'skip';
    this.#received = output.after;
    return 'write';
  }

  /**
   * What to send so as to go on from here; without a sequence number the server begins with a picture.
   * @param {string} session
   * @returns {{session: string, after?: number}}
   */
  attachment(session) {
    return this.#received === null ? { session } : { session, after: this.#received };
  }
}
