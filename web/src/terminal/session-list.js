// All sessions of the server, running and ended, whether or not this window shows them.

import { Button } from '../components/button.js';
import { Icon } from '../components/icon.js';
import { Menu } from '../components/menu.js';
import { relative } from '../format.js';
import { useNow } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { exitWord, isRunning, titleOf } from './sessions.js';

/** @typedef {import('./sessions.js').Session} Session */

/**
 * @param {{
 *   list: Session[], isOpen: (session: Session) => boolean, onOpen: (session: Session) => void, onNew: () => void,
 *   entries: (session: Session) => import('../components/menu.js').MenuEntry[],
 * }} props
 */
export function SessionList({ list, isOpen, onOpen, onNew, entries }) {
  const now = useNow();
  const newestFirst = list.toSorted((one, other) => other.started_at - one.started_at);
  const groups = [
    { title: t('terminal.running'), members: newestFirst.filter(isRunning), none: t('terminal.none_running') },
    { title: t('terminal.recently_ended'), members: newestFirst.filter((each) => !isRunning(each)), none: null },
  ].filter((group) => group.members.length > 0 || group.none !== null);
  return html`
    <div class="session-list">
      <${Button} tone="primary" icon="plus" label=${t('terminal.new')} onClick=${onNew} />
      ${groups.map(
        ({ title, members, none }) => html`
          <h2 key=${title}>${title}</h2>
          ${members.length === 0 && html`<p class="dim">${none}</p>`}
          <ul>
            ${members.map(
              (session) => html`
                <li key=${session.id} class="session-row">
                  <button type="button" class="session-open" aria-current=${isOpen(session) ? 'true' : undefined} onClick=${() => onOpen(session)}>
                    <${Icon} name=${session.kind === 'login' ? 'signin' : 'terminal'} />
                    <span class="session-text">
                      <span class="session-title">${titleOf(session)}</span>
                      <span class="session-detail">${session.account} · <bdi>${session.cwd}</bdi></span>
                      <span class="session-detail">${stateText(session, now)}</span>
                    </span>
                  </button>
                  <${Menu} label=${t('terminal.menu_of', { name: titleOf(session) })} entries=${entries(session)} />
                </li>
              `,
            )}
          </ul>
        `,
      )}
    </div>
  `;
}

/**
 * @param {Session} session
 * @param {number} now
 */
function stateText(session, now) {
  if (session.ended_at !== null) return `${exitWord(session.exit)} · ${relative(session.ended_at, now)}`;
  const parts = [t('terminal.started', { when: relative(session.started_at, now) })];
  if (session.viewers > 1) parts.push(t('terminal.viewers', { count: session.viewers }));
  if (session.recording) parts.push(t('terminal.recording'));
  return parts.join(' · ');
}
