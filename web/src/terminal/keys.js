// Keys that the page takes from a focused terminal, and keys that a touch screen lacks. All else is the program's.

/** @typedef {import('./layout.js').Side} Side */
/** @typedef {'search'|'copy'|'paste'|'leave'|'split-row'|'split-column'|{move: Side}} PaneCommand */

/** @type {Record<string, PaneCommand>} */
const WITH_CTRL_SHIFT = {
  KeyF: 'search',
  KeyC: 'copy',
  KeyV: 'paste',
  KeyL: 'leave',
  KeyD: 'split-row',
  KeyE: 'split-column',
};

/** @type {Record<string, Side>} */
const ARROWS = { ArrowLeft: 'left', ArrowRight: 'right', ArrowUp: 'up', ArrowDown: 'down' };

/**
 * What a key asks of the page; null if it is for the program.
 * @param {Pick<KeyboardEvent, 'code'|'ctrlKey'|'shiftKey'|'altKey'|'metaKey'>} event
 * @returns {PaneCommand|null}
 */
export function commandOf({ code, ctrlKey, shiftKey, altKey, metaKey }) {
  if (metaKey || !shiftKey) return null;
  if (ctrlKey && !altKey) return WITH_CTRL_SHIFT[code] ?? null;
  if (altKey && !ctrlKey && code in ARROWS) return { move: ARROWS[code] };
  return null;
}

/** @typedef {'escape'|'tab'|'backtab'|'left'|'right'|'up'|'down'} TouchKey */

/** @type {Record<TouchKey, string>} `?` stands for what the cursor keys' mode decides */
const SEQUENCES = {
  escape: '\x1b',
  tab: '\t',
  backtab: '\x1b[Z',
  left: '\x1b?D',
  right: '\x1b?C',
  up: '\x1b?A',
  down: '\x1b?B',
};

/**
 * What a key of the bar types.
 * @param {TouchKey} key
 * @param {boolean} applicationMode whether the program has asked for the other form of cursor keys (DECCKM)
 */
export function touchSequence(key, applicationMode) {
  return SEQUENCES[key].replace('?', applicationMode ? 'O' : '[');
}

/**
 * A typed character as if Ctrl were held: `c` becomes 0x03. What has no such form, and what is more than one
 * character, stays.
 * @param {string} text
 */
export function withCtrl(text) {
  if (!/^[a-z@[\\\]^_ ?]$/i.test(text)) return text;
  if (text === '?') return '\x7f';
  return String.fromCharCode(text.toUpperCase().charCodeAt(0) & 0x1f);
}
