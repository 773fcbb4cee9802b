// The open tabs. A list of buttons rather than ARIA tabs: each has a second button, which closes it.

import { Button } from '../components/button.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { paneIds } from './layout.js';
import { titleOf } from './sessions.js';

/** @typedef {import('./workspace.js').Workspace} Workspace */
/** @typedef {import('./sessions.js').Session} Session */

/**
 * @param {{
 *   workspace: Workspace, sessionOf: (pane: string) => Session|null,
 *   onSelect: (tab: string) => void, onClose: (tab: string) => void,
 * }} props
 */
export function TabBar({ workspace, sessionOf, onSelect, onClose }) {
  return html`
    <nav class="terminal-tabs" aria-label=${t('terminal.tabs')}>
      <ul onKeyDown=${moveByArrows}>
        ${workspace.tabs.map((tab) => {
          const label = tabLabel(tab, sessionOf);
          const active = tab.id === workspace.active;
          return html`
            <li key=${tab.id} class=${active ? 'active' : ''}>
              <button type="button" class="terminal-tab" aria-current=${active ? 'true' : undefined} onClick=${() => onSelect(tab.id)}>
                ${label}
              </button>
              <${Button}
                tone="quiet" icon="cross" hideLabel label=${t('terminal.close_tab')}
                name=${t('terminal.close_tab_named', { name: label })} onClick=${() => onClose(tab.id)}
              />
            </li>
          `;
        })}
      </ul>
    </nav>
  `;
}

/**
 * @param {import('./workspace.js').Tab} tab
 * @param {(pane: string) => Session|null} sessionOf
 */
function tabLabel(tab, sessionOf) {
  const session = sessionOf(tab.focused);
  const others = paneIds(tab.tree).length - 1;
  const title = session ? titleOf(session) : t('terminal.new');
  return others > 0 ? t('terminal.tab_of_several', { title, count: others }) : title;
}

/** @param {KeyboardEvent & {currentTarget: HTMLElement}} event */
function moveByArrows(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const tabs = /** @type {HTMLElement[]} */ ([...event.currentTarget.querySelectorAll('.terminal-tab')]);
  const from = tabs.findIndex((tab) => tab.parentElement?.contains(document.activeElement));
  tabs[(from + step + tabs.length) % tabs.length]?.focus();
  event.preventDefault();
}
