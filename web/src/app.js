// What the whole page is at a moment: set-up, sign-in, a watched terminal, or the frame with one of its screens.
import { useEffect, useState } from 'preact/hooks';
import { api, connectApi, settled, Unreachable } from './api.js';
import { ErrorNote } from './components/error-note.js';
import { Lazy } from './components/lazy.js';
import { Loading } from './components/progress.js';
import { Toasts } from './components/toast.js';
import { onConnection, versionSeen } from './connection.js';
import { clearData } from './data.js';
import { listenToEvents, onEvent, stopListening } from './events.js';
import { ConnectionBanner } from './frame/connection-banner.js';
import { Frame } from './frame/frame.js';
import { askForPassword, PasswordQuestion } from './frame/password-question.js';
import { html } from './html.js';
import { onLanguage, t } from './i18n.js';
import { onNavigate } from './router.js';

/** @typedef {import('./types.js').SignInStatus} SignInStatus */

export function App() {
  const [status, setStatus] = useState(/** @type {SignInStatus|null} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [path, setPath] = useState(location.pathname);
  const [, redraw] = useState(0);

  const load = async () => {
    try {
      /** @type {SignInStatus} */
      const now = await api.get('/api/auth/status');
      versionSeen(now.version);
      if (now.authenticated) listenToEvents();
      else signedOut();
      setError(null);
      setStatus(now);
    } catch (problem) {
      if (!(problem instanceof Unreachable)) setError(problem);
    }
  };
  const signedOut = () => {
    stopListening();
    clearData();
    setStatus((before) => (before ? { ...before, authenticated: false, scope: null } : before));
  };

  // The sign-in that the events were asked with has ended. This page may have another one by then: whoever changes the
  // password is signed in anew.
  const ended = () => settled().then(load);

  useEffect(() => {
    connectApi({ askForPassword, signedOut });
    const endings = [
      onNavigate(() => setPath(location.pathname)),
      onLanguage(() => redraw((count) => count + 1)),
      onEvent('signed_out', ended),
      onConnection((online) => online && load()),
    ];
    load();
    return () => {
      for (const end of endings) end();
    };
  }, []);

  return html`
    <${ConnectionBanner} />
    ${error ? html`<div class="alone"><${ErrorNote} error=${error} onRetry=${load} /></div>` : content(status, path, load)}
    <${PasswordQuestion} />
    <${Toasts} />
  `;
}

/**
 * @param {SignInStatus|null} status
 * @param {string} path
 * @param {() => Promise<void>} reload
 */
function content(status, path, reload) {
  // Whoever follows a read-only link needs no sign-in here: the link is what is checked.
  if (path === '/watch') return html`<${Lazy} load=${loadWatch} />`;
  if (!status) return html`<div class="alone"><${Loading} label=${t('common.loading')} /></div>`;
  if (!status.setup_done) return html`<${Lazy} load=${loadSetup} status=${status} onDone=${reload} />`;
  if (!status.authenticated) return html`<${Lazy} load=${loadSignIn} status=${status} onDone=${reload} />`;
  return html`<${Frame} path=${path} status=${status} onStatus=${reload} />`;
}

const loadWatch = async () => (await import('./terminal/watch.js')).WatchScreen;
const loadSetup = async () => (await import('./screens/setup.js')).SetupScreen;
const loadSignIn = async () => (await import('./screens/sign-in.js')).SignInScreen;
