import { html } from '../html.js';
import { t } from '../i18n.js';
import { SecretField } from './field.js';
import { StrengthMeter } from './password-strength.js';

/**
 * A new password, typed twice.
 * @param {{
 *   password: string, again: string, onPassword: (value: string) => void, onAgain: (value: string) => void,
 *   strength: import('./password-strength.js').Strength|null, autofocus?: boolean,
 * }} props
 */
export function NewPassword({ password, again, onPassword, onAgain, strength, autofocus }) {
  const differs = again !== '' && again !== password;
  return html`
    <${SecretField}
      label=${t('password.new')} value=${password} onInput=${onPassword} autocomplete="new-password"
      hint=${t('password.rule')} autofocus=${autofocus}
    />
    <${StrengthMeter} strength=${strength} />
    <${SecretField}
      label=${t('password.again')} value=${again} onInput=${onAgain} autocomplete="new-password"
      error=${differs ? t('password.differs') : null}
    />
  `;
}
