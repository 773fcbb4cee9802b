// Signing in: the password, then a second factor if there is one.
import { useState } from 'preact/hooks';
import { ApiError, api } from '../api.js';
import { Button } from '../components/button.js';
import { ErrorNote } from '../components/error-note.js';
import { Choice, Field, SecretField } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { Alone } from '../frame/alone.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { passkeysPossible, provePasskey } from '../webauthn.js';

/** @typedef {'totp'|'passkey'|'recovery'} Factor */

/** @param {{status: import('../types.js').SignInStatus, onDone: () => Promise<void>}} props */
export function SignInScreen({ onDone }) {
  const [password, setPassword] = useState('');
  const [factors, setFactors] = useState(/** @type {Factor[]|null} */ (null));
  const [factor, setFactor] = useState(/** @type {Factor} */ ('totp'));
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {unknown} */ (null));

  const attempt = async (/** @type {() => Promise<void>} */ job) => {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await job();
    } catch (problem) {
      if (problem instanceof ApiError && problem.code === 'second_factor_needed' && !factors) {
        const possible = secondFactors(problem.body.second_factors ?? []);
        setFactors(possible);
        setFactor(possible[0]);
      } else setError(problem);
    }
    setBusy(false);
  };
  const signIn = (/** @type {Event} */ event) => {
    event.preventDefault();
    attempt(async () => {
      if (factors && factor === 'passkey') await byPasskey(password);
      else await api.post('/api/auth/login', { password, ...(factors ? proof(factor, code) : {}) });
      await onDone();
    });
  };
  const back = () => {
    setFactors(null);
    setCode('');
    setError(null);
  };
  return html`
    <${Alone} title=${factors ? t('sign_in.second_title') : t('sign_in.title')}>
      <form class="form" onSubmit=${signIn}>
        <input type="text" name="username" autocomplete="username" value="claude-accounts" readonly hidden />
        ${
          factors
            ? html`<${SecondFactor} factors=${factors} factor=${factor} onFactor=${setFactor} code=${code} onCode=${setCode} />`
            : html`<${SecretField}
                label=${t('sign_in.password')} value=${password} onInput=${setPassword} autocomplete="current-password" autofocus
              />`
        }
        ${error && html`<${ErrorNote} error=${error} />`}
        <${Button}
          type="submit" tone="primary" class="full" busy=${busy} disabled=${password === '' || (needsCode(factors, factor) && code.trim() === '')}
          label=${factors && factor === 'passkey' ? t('sign_in.use_passkey') : t('sign_in.submit')}
        />
        ${factors && html`<${Button} tone="quiet" class="full" label=${t('common.back')} onClick=${back} />`}
      </form>
      ${!factors && html`<p class="hint"><${Icon} name="help" /> <span>${t('sign_in.forgotten')} <code>claude-accounts dashboard reset-password</code></span></p>`}
    <//>
  `;
}

/** @param {Factor[]|null} factors @param {Factor} factor */
function needsCode(factors, factor) {
  return factors !== null && factor !== 'passkey';
}

/**
 * @param {{factors: Factor[], factor: Factor, onFactor: (factor: Factor) => void, code: string, onCode: (code: string) => void}} props
 */
function SecondFactor({ factors, factor, onFactor, code, onCode }) {
  const choose = (/** @type {Factor} */ next) => {
    onCode('');
    onFactor(next);
  };
  const names = { totp: t('factor.totp'), passkey: t('factor.passkey'), recovery: t('factor.recovery') };
  return html`
    <${Choice}
      label=${t('sign_in.factor')} value=${factor} onChange=${choose}
      options=${factors.map((value) => ({ value, label: names[value] }))} hideLabel
    />
    ${
      factor === 'totp' &&
      html`<${Field}
        key="totp" label=${t('sign_in.totp')} value=${code} onInput=${onCode} mono inputmode="numeric"
        autocomplete="one-time-code" maxlength=${8} hint=${t('sign_in.totp_hint')} autofocus
      />`
    }
    ${
      factor === 'recovery' &&
      html`<${Field} key="recovery" label=${t('sign_in.recovery')} value=${code} onInput=${onCode} mono hint=${t('sign_in.recovery_hint')} autofocus />`
    }
    ${factor === 'passkey' && html`<p>${t('sign_in.passkey_hint')}</p>`}
  `;
}

/**
 * What can be offered here; a recovery code always can.
 * @param {string[]} set_up
 * @returns {Factor[]}
 */
function secondFactors(set_up) {
  /** @type {Factor[]} */
  const factors = [];
  if (set_up.includes('passkey') && passkeysPossible()) factors.push('passkey');
  if (set_up.includes('totp')) factors.push('totp');
  return [...factors, 'recovery'];
}

/**
 * @param {Factor} factor
 * @param {string} code
 */
function proof(factor, code) {
  return factor === 'totp' ? { totp: code.replaceAll(/\s/g, '') } : { recovery_code: code.trim() };
}

/** @param {string} password */
async function byPasskey(password) {
  const { state, options } = await api.post('/api/auth/login/passkey/start', { password });
  await api.post('/api/auth/login/passkey/finish', { state, credential: await provePasskey(options) });
}
