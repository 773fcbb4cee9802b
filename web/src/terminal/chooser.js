// What a fresh pane asks: which session, or a new one?

import { useLayoutEffect, useRef } from 'preact/hooks';
import { Button } from '../components/button.js';
import { Icon } from '../components/icon.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { placeStyle } from './dividers.js';
import { isRunning, titleOf } from './sessions.js';

/** @typedef {import('./sessions.js').Session} Session */

/**
 * @param {{
 *   place: import('./layout.js').Rectangle|null, focused: boolean, sessions: Session[],
 *   onSession: (session: Session) => void, onNew: () => void, onClose: () => void, onFocused: () => void,
 * }} props
 */
export function Chooser({ place, focused, sessions, onSession, onNew, onClose, onFocused }) {
  const body = useRef(/** @type {HTMLDivElement|null} */ (null));
  const visible = place !== null;
  useLayoutEffect(() => {
    if (visible && focused) body.current?.querySelector('button')?.focus();
  }, [visible, focused]);
  return html`
    <section
      class=${`pane chooser ${focused ? 'focused' : ''}`} hidden=${!visible} aria-label=${t('terminal.choose')}
      style=${place ? placeStyle(place) : {}} onFocusIn=${onFocused}
    >
      <header class="pane-bar">
        <span class="pane-title">${t('terminal.choose')}</span>
        <span class="pane-buttons">
          <${Button} tone="quiet" icon="cross" hideLabel label=${t('terminal.close_pane')} onClick=${onClose} />
        </span>
      </header>
      <div class="chooser-body" ref=${body}>
        <${Button} tone="primary" icon="plus" label=${t('terminal.new')} onClick=${onNew} />
        ${
          sessions.length > 0 &&
          html`
            <p class="dim">${t('terminal.choose_running')}</p>
            <ul>
              ${sessions.filter(isRunning).map(
                (session) => html`
                  <li key=${session.id}>
                    <button type="button" class="session-open" onClick=${() => onSession(session)}>
                      <${Icon} name="terminal" />
                      <span class="session-text">
                        <span class="session-title">${titleOf(session)}</span>
                        <span class="session-detail">${session.account} · <bdi>${session.cwd}</bdi></span>
                      </span>
                    </button>
                  </li>
                `,
              )}
            </ul>
          `
        }
      </div>
    </section>
  `;
}
