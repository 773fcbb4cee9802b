// The frame's side of the terminal: its code is loaded here, and what is to be started is handed over once.
import { useEffect, useState } from 'preact/hooks';
import { Lazy } from '../components/lazy.js';
import { accounts } from '../data.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { takeLaunch } from '../launch.js';
import { useResource } from '../resource.js';
import { onNavigate } from '../router.js';

const loadScreen = async () => (await import('../terminal/screen.js')).TerminalScreen;

export function TerminalPage() {
  const { value } = useResource(accounts);
  const [launch, setLaunch] = useState(takeLaunch);
  useEffect(
    () =>
      onNavigate(() => {
        const next = location.pathname === '/terminal' ? takeLaunch() : null;
        if (next) setLaunch(next);
      }),
    [],
  );
  return html`
    <h1 class="visually-hidden">${t('nav.terminal')}</h1>
    <${Lazy} load=${loadScreen} accounts=${value ?? []} launch=${launch} />
  `;
}
