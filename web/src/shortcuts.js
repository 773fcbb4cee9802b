// Keys of the whole page. A single letter never fires while somebody types, in a terminal, or while a dialog is open;
// a key with Ctrl may ask to work everywhere. Single letters can be switched off in the settings (WCAG 2.1.4).
import { preferences } from './preferences.js';

/**
 * @typedef {object} Shortcut
 * @property {string} keys as shown and matched: `n`, `/`, `?`, `ctrl+escape`
 * @property {() => string} description in the page's language
 * @property {(event: KeyboardEvent) => void} run
 * @property {boolean} [anywhere] also while typing, in a terminal and in dialogs
 * @property {string} [shown] how the overview writes the keys, if not as `keys`
 * @property {boolean} [hidden] left out of the overview (one line stands for several keys)
 */

/** @type {Shortcut[]} */
const shortcuts = [];

/**
 * Registers a key until the function given back is called. The latest registration of a key wins.
 * @param {string} keys
 * @param {(event: KeyboardEvent) => void} run
 * @param {Omit<Shortcut, 'keys'|'run'>} options
 * @returns {() => void}
 */
export function register(keys, run, options) {
  const shortcut = { ...options, keys: keys.toLowerCase(), run };
  shortcuts.push(shortcut);
  return () => {
    const index = shortcuts.indexOf(shortcut);
    if (index >= 0) shortcuts.splice(index, 1);
  };
}

/** What works now, for the overview. @returns {Shortcut[]} */
export function activeShortcuts() {
  return shortcuts.filter((shortcut) => !shortcut.hidden);
}

/** @param {KeyboardEvent} event */
function nameOf(event) {
  const modifiers = [event.ctrlKey && 'ctrl', event.altKey && 'alt', event.metaKey && 'meta'].filter(Boolean);
  return [...modifiers, event.key.toLowerCase()].join('+');
}

/** @param {EventTarget|null} target */
function takesText(target) {
  if (!(target instanceof Element)) return false;
  return target.closest('input, textarea, select, [contenteditable], [role="menu"], .xterm, dialog') !== null;
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.defaultPrevented || event.isComposing) return;
  const name = nameOf(event);
  const shortcut = shortcuts.findLast((each) => each.keys === name);
  if (!shortcut) return;
  if (!shortcut.anywhere && quiet(event)) return;
  event.preventDefault();
  shortcut.run(event);
}

/** @param {KeyboardEvent} event */
function quiet(event) {
  return !preferences.shortcuts() || takesText(event.target) || document.querySelector('dialog[open]') !== null;
}

/** Begins to listen. Captured, so that a terminal that has the focus does not swallow what works anywhere. */
export function listenToKeys() {
  document.addEventListener('keydown', pressed, { capture: true });
}
