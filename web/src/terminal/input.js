// What is typed and pasted on its way to the server: in order, in pieces that no limit of a message refuses, and never
// so much at once that a paste of megabytes fills the connection before a key is heard.

/** Most bytes of one `terminal_input`, in UTF-8. */
export const PIECE_BYTES = 16 * 1024;
/** Pieces on their way that the server has not yet taken. */
const WINDOW = 8;
/** Up to this many characters need no answer while nothing else is on its way: keys, not pastes. */
const KEYSTROKE = 256;
const INTERRUPT = '\x03';
const PASTE_END = '\x1b[201~';

/**
 * Cuts text into pieces of at most `limit` bytes of UTF-8. A character is never cut, so no piece holds half a surrogate
 * pair; a lone surrogate, which is no character, counts as the three bytes of what replaces it.
 * @param {string} text
 * @param {number} [limit] at least 4
 * @returns {string[]} nothing for an empty text
 */
export function cutInput(text, limit = PIECE_BYTES) {
  if (text.length * 3 <= limit) return text === '' ? [] : [text];
  const pieces = [];
  let begin = 0;
  let bytes = 0;
  for (let at = 0; at < text.length; ) {
    const character = /** @type {number} */ (text.codePointAt(at));
    const size = utf8Size(character);
    if (bytes + size > limit) {
      pieces.push(text.slice(begin, at));
      begin = at;
      bytes = 0;
    }
    bytes += size;
    at += character > 0xffff ? 2 : 1;
  }
  pieces.push(text.slice(begin));
  return pieces;
}

/** @param {number} character a code point */
function utf8Size(character) {
  if (character < 0x80) return 1;
  if (character < 0x800) return 2;
  return character < 0x10000 ? 3 : 4;
}

/**
 * @callback SendPiece
 * @param {string} piece
 * @param {(() => void)|null} taken to be called once the server has it; null if nobody waits for that
 * @returns {void}
 */

/** The input of one session. What is sent is never sent again: typing twice is worse than not at all. */
export class InputQueue {
  #send;
  /** @type {string[]} */
  #waiting = [];
  #underWay = 0;
  /** Answers to what was sent before the last `clear` say nothing about now. */
  #era = 0;

  /** @param {SendPiece} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Sends `text` behind everything before it. Ctrl-C alone overtakes and drops what still waits: somebody wants an end to it.
   * @param {string} text
   */
  push(text) {
    if (text === INTERRUPT && this.#waiting.length > 0) this.#interrupt();
    else if (this.#underWay === 0 && this.#waiting.length === 0 && text.length <= KEYSTROKE) this.#send(text, null);
    else this.#waiting.push(...cutInput(text));
    this.#pump();
  }

  /**
   * Forgets what has not been sent: the connection is gone.
   * @returns {number} characters that will not arrive; what was under way counts as arrived
   */
  clear() {
    const lost = this.#waiting.reduce((sum, piece) => sum + piece.length, 0);
    this.#waiting = [];
    this.#underWay = 0;
    this.#era += 1;
    return lost;
  }

  #interrupt() {
    // A program that was told of the beginning of a paste must hear of its end, or it takes all keys for pasted text.
    const ends = this.#waiting.some((piece, index) => (piece + (this.#waiting[index + 1] ?? '')).includes(PASTE_END));
    this.#waiting = [];
    this.#send((ends ? PASTE_END : '') + INTERRUPT, null);
  }

  #pump() {
    while (this.#underWay < WINDOW) {
      const piece = this.#waiting.shift();
      if (piece === undefined) return;
      this.#underWay += 1;
      const era = this.#era;
      this.#send(piece, () => {
        if (era !== this.#era) return;
        this.#underWay -= 1;
        this.#pump();
      });
    }
  }
}
