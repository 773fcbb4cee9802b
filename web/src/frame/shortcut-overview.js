import { Dialog } from '../components/dialog.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { preferences } from '../preferences.js';
import { activeShortcuts } from '../shortcuts.js';

/** @type {Record<string, string>} */
const KEY_NAMES = { ctrl: 'Ctrl', alt: 'Alt', meta: 'Meta', shift: 'Shift', escape: 'Esc' };

/** How keys are written. @param {string} keys */
function written(keys) {
  return keys.split('+').map((each) => KEY_NAMES[each] ?? each.toUpperCase());
}

/** @param {{onClose: () => void}} props */
export function ShortcutOverview({ onClose }) {
  return html`
    <${Dialog} title=${t('keys.title')} onClose=${onClose}>
      ${!preferences.shortcuts() && html`<p class="note">${t('keys.off')}</p>`}
      <dl class="keys">
        ${activeShortcuts().map(
          (shortcut) => html`
            <div key=${shortcut.keys}>
              <dt>${shortcut.shown ? html`<kbd>${shortcut.shown}</kbd>` : written(shortcut.keys).map((each) => html`<kbd>${each}</kbd>`)}</dt>
              <dd>${shortcut.description()}</dd>
            </div>
          `,
        )}
        ${
          // The terminal registers it only once its code is there.
          !activeShortcuts().some(({ keys }) => keys === 'ctrl+escape') &&
          html`<div><dt><kbd>Ctrl</kbd><kbd>Esc</kbd></dt><dd>${t('keys.close_terminal')}</dd></div>`
        }
      </dl>
      <p class="dim">${t('keys.where')}</p>
    <//>
  `;
}
