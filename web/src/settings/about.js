import { settings } from '../data.js';
import { bytes } from '../format.js';
import { html } from '../html.js';
import { key, t } from '../i18n.js';
import { useResource } from '../resource.js';
import { Panel } from './panel.js';

const PROTECTION = {
  file: key('about.protection_file'),
  passphrase: key('about.protection_passphrase'),
  keyring: key('about.protection_keyring'),
};

/** @param {{status: import('../types.js').SignInStatus}} props */
export function About({ status }) {
  const { value } = useResource(settings);
  return html`
    <${Panel} title=${t('about.title')} explanation=${t('about.explanation')}>
      <dl class="facts">
        <div><dt>${t('about.version')}</dt><dd class="mono">${status.version}</dd></div>
        ${
          value &&
          html`
            <div><dt>${t('about.vault')}</dt><dd class="mono">${value.vault}</dd></div>
            <div><dt>${t('about.protection')}</dt><dd>${t(PROTECTION[value.protection] ?? PROTECTION.file)}</dd></div>
            <div><dt>${t('about.keeper')}</dt><dd>${value.keeper.running ? t('about.keeper_running', { count: value.keeper.sessions }) : t('about.keeper_idle')}</dd></div>
            <div><dt>${t('about.client')}</dt><dd class="mono">${value.client ?? t('about.client_missing')}</dd></div>
            <div><dt>${t('about.sessions')}</dt><dd>${value.max_sessions}</dd></div>
            <div><dt>${t('about.scrollback')}</dt><dd>${bytes(value.scrollback_bytes)}</dd></div>
          `
        }
        <div><dt>${t('about.api')}</dt><dd><a href="/api/openapi.json" target="_blank" rel="noreferrer">openapi.json</a></dd></div>
      </dl>
    <//>
  `;
}
