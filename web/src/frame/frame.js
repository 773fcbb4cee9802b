// What stays while the screens change: navigation, skip link, overview of the keys.
import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { Dialog } from '../components/dialog.js';
import { Icon } from '../components/icon.js';
import { Lazy } from '../components/lazy.js';
import { useAction, useShortcut } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { followLink } from '../router.js';
import { Brand } from './brand.js';
import { SCREENS, screenOf } from './screens.js';
import { ShortcutOverview } from './shortcut-overview.js';

/** @param {{path: string, status: import('../types.js').SignInStatus, onStatus: () => Promise<void>}} props */
export function Frame({ path, status, onStatus }) {
  const screen = screenOf(path);
  const main = useRef(/** @type {HTMLElement|null} */ (null));
  const [overview, setOverview] = useState(false);
  const [drawer, setDrawer] = useState(false);
  const first = useRef(true);
  useShortcut('?', () => setOverview(true), { description: () => t('keys.overview') });

  useEffect(() => {
    document.title = `${t(screen.title)} · claude-accounts`;
    setDrawer(false);
    // A new screen is read from its head, but for the first, where the browser has just put the focus.
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [screen]);

  const openOverview = () => {
    setDrawer(false);
    setOverview(true);
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>${t('nav.skip')}</a>
    <div class=${`frame ${screen.path === '/terminal' ? 'narrow' : ''}`}>
      <header class="topbar">
        <${Brand} />
        <${Button} tone="quiet" icon="menu" label=${t('nav.menu')} onClick=${() => setDrawer(true)} />
      </header>
      <aside class="sidebar"><${Sidebar} screen=${screen} onOverview=${() => setOverview(true)} /></aside>
      <main id="main" class=${`main screen-${screen.path.slice(1)}`} tabindex="-1" ref=${main}>
        <${Lazy} load=${screen.load} status=${status} onStatus=${onStatus} />
      </main>
    </div>
    ${
      drawer &&
      html`<${Dialog} title=${t('nav.label')} onClose=${() => setDrawer(false)} class="drawer">
        <${Sidebar} screen=${screen} onOverview=${openOverview} onChosen=${() => setDrawer(false)} />
      <//>`
    }
    ${overview && html`<${ShortcutOverview} onClose=${() => setOverview(false)} />`}
  `;
}

/** @param {MouseEvent} event */
function skip(event) {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

/** @param {{screen: import('./screens.js').Screen, onOverview: () => void, onChosen?: () => void}} props */
function Sidebar({ screen, onOverview, onChosen }) {
  const [signOut, leaving] = useAction(async () => {
    await api.post('/api/auth/logout');
    location.assign('/');
  });
  const follow = (/** @type {MouseEvent} */ event) => {
    followLink(event);
    if (event.defaultPrevented) onChosen?.();
  };
  return html`
    <div class="sidebar-brand"><${Brand} /></div>
    <nav aria-label=${t('nav.label')}>
      <ul class="nav">
        ${SCREENS.map(
          (each) => html`
            <li key=${each.path}>
              <a href=${each.path} aria-current=${each === screen ? 'page' : undefined} title=${t(each.title)} onClick=${follow}>
                <${Icon} name=${each.icon} /><span>${t(each.title)}</span>
              </a>
            </li>
          `,
        )}
      </ul>
    </nav>
    <div class="sidebar-foot">
      <button type="button" class="nav-button" title=${t('keys.title')} onClick=${onOverview}>
        <${Icon} name="help" /><span>${t('keys.title')}</span><kbd aria-hidden="true">?</kbd>
      </button>
      <button type="button" class="nav-button" title=${t('nav.sign_out')} onClick=${signOut} aria-disabled=${leaving ? 'true' : undefined}>
        <${Icon} name="signout" /><span>${t('nav.sign_out')}</span>
      </button>
    </div>
  `;
}
