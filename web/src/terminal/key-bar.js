// Keys that touch keyboards lack. Shown where the pointer is coarse.

import { html } from '../html.js';
import { key as message, t } from '../i18n.js';

/** @type {{key: import('./keys.js').TouchKey, label: string, name?: string}[]} `name` where the label is a drawing */
const KEYS = [
  { key: 'escape', label: 'Esc' },
  { key: 'tab', label: 'Tab' },
  { key: 'backtab', label: '⇧Tab', name: message('terminal.key_backtab') },
  { key: 'left', label: '←', name: message('terminal.key_left') },
  { key: 'up', label: '↑', name: message('terminal.key_up') },
  { key: 'down', label: '↓', name: message('terminal.key_down') },
  { key: 'right', label: '→', name: message('terminal.key_right') },
];

/** The focus stays in the terminal, and with it the keyboard on the screen. @param {PointerEvent} event */
const keepFocus = (event) => event.preventDefault();

/** @param {{ctrl: boolean, onCtrl: () => void, onKey: (key: import('./keys.js').TouchKey) => void}} props */
export function KeyBar({ ctrl, onCtrl, onKey }) {
  return html`
    <div class="key-bar" role="toolbar" aria-label=${t('terminal.key_bar')} onPointerDown=${keepFocus}>
      <button type="button" class="key" aria-pressed=${ctrl ? 'true' : 'false'} onClick=${onCtrl}>Ctrl</button>
      ${KEYS.map(
        ({ key, label, name }) => html`
          <button key=${key} type="button" class="key" aria-label=${name && t(name)} onClick=${() => onKey(key)}>${label}</button>
        `,
      )}
    </div>
  `;
}
