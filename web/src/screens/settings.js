// Settings, one subject a panel.

import { html } from '../html.js';
import { t } from '../i18n.js';
import { About } from '../settings/about.js';
import { ApiTokens } from '../settings/api-tokens.js';
import { Appearance } from '../settings/appearance.js';
import { Passkeys } from '../settings/passkeys.js';
import { Password } from '../settings/password.js';
import { SignIns } from '../settings/sign-ins.js';
import { Terminal } from '../settings/terminal.js';
import { Totp } from '../settings/totp.js';

/** @param {{status: import('../types.js').SignInStatus, onStatus: () => Promise<void>}} props */
export function SettingsScreen({ status, onStatus }) {
  return html`
    <header class="screen-head"><h1>${t('nav.settings')}</h1></header>
    <div class="settings">
      <${Appearance} />
      <${Terminal} />
      <${Password} />
      <${Totp} status=${status} onStatus=${onStatus} />
      <${Passkeys} status=${status} onStatus=${onStatus} />
      <${ApiTokens} />
      <${SignIns} />
      <${About} status=${status} />
    </div>
  `;
}
