// A session as somebody sees it who was given a link: live, and nothing can be typed. Whoever watches need not be
// signed in. The link's token stands behind the `#`, so no server log ever has it.

import { useEffect, useState } from 'preact/hooks';
import './messages.js';
import { EmptyState } from '../components/empty-state.js';
import { Loading } from '../components/progress.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { LinkDialog } from './dialogs.js';
import { PaneFrame } from './pane-frame.js';
import { connect } from './socket.js';
import { loadStyles } from './styles.js';

const WHOLE = { x: 0, y: 0, width: 1, height: 1 };

export function WatchScreen() {
  const watched = useWatched();
  const title = t('terminal.watch_title');
  return html`
    <main class="watch" aria-label=${title}>
      <h1 class="visually-hidden">${title}</h1>
      <${Watched} ...${watched} />
    </main>
  `;
}

/** @param {ReturnType<typeof useWatched>} props */
function Watched({ connection, session, refused }) {
  const [link, setLink] = useState(/** @type {string|null} */ (null));
  if (refused)
    return html`<${EmptyState} icon="eye" title=${t('terminal.watch_over')} text=${t('terminal.watch_over_text')} />`;
  if (!connection || !session) return html`<${Loading} label=${t('common.loading')} />`;
  return html`
    <div class="workbench-panes">
      <${PaneFrame}
        connection=${connection} content=${{ session, request: null }} session=${null} place=${WHOLE} focused=${true} watching
        entries=${[]} onStarted=${nothing} onFocused=${nothing} onCommand=${nothing} onLink=${setLink} onClose=${nothing}
        onStartAgain=${null}
      />
    </div>
    ${link !== null && html`<${LinkDialog} address=${link} onClose=${() => setLink(null)} />`}
  `;
}

const nothing = () => {};

function useWatched() {
  const [connection, setConnection] = useState(/** @type {import('./connection.js').TerminalConnection|null} */ (null));
  const [session, setSession] = useState(/** @type {string|null} */ (null));
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    const token = location.hash.slice(1);
    if (token === '') {
      setRefused(true);
      return undefined;
    }
    const made = connect({ watch: token });
    made.onRefused = () => setRefused(true);
    made.onWatched(setSession);
    loadStyles().then(
      () => setConnection(made),
      () => setRefused(true),
    );
    document.title = `${t('terminal.watch_title')} · claude-accounts`;
    return () => made.close();
  }, []);
  return { connection, session, refused };
}
