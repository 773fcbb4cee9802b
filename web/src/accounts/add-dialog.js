// A new account: an API key, a login made in the terminal or taken from this machine, or tokens brought by hand.
import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { FormDialog } from '../components/dialog.js';
import { explain } from '../components/error-note.js';
import { Choice, Field, SecretField } from '../components/field.js';
import { Tabs } from '../components/tabs.js';
import { toast } from '../components/toast.js';
import { accounts } from '../data.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { signIn } from '../launch.js';
import { Environment, variablesToSend } from './environment.js';
import { NO_TOKENS, TokenFields, tokenFields } from './token-fields.js';

/** @typedef {'api_key'|'login'|'tokens'} Way */
/** @typedef {'sign_in'|'capture'|'later'} LoginWay */

/**
 * The name as the server stores it.
 * @param {string} typed
 */
export function storedName(typed) {
  return typed.trim().replace(/\s+/g, '-');
}

/** @param {{onClose: () => void}} props */
export function AddDialog({ onClose }) {
  const [name, setName] = useState('');
  const [way, setWay] = useState(/** @type {Way} */ ('api_key'));
  const [loginWay, setLoginWay] = useState(/** @type {LoginWay} */ ('sign_in'));
  const [apiKey, setApiKey] = useState('');
  const [tokens, setTokens] = useState(NO_TOKENS);
  const [variables, setVariables] = useState(/** @type {import('./environment.js').Variable[]} */ ([]));
  const stored = storedName(name);
  const complete =
    stored !== '' && (way !== 'api_key' || apiKey.trim() !== '') && (way !== 'tokens' || tokens.access.trim() !== '');

  const add = async () => {
    const environment = variablesToSend(variables);
    const { id, name: called } = await api.post('/api/accounts', {
      name,
      ...(way === 'api_key' ? { auth_type: 'api_key', api_key: apiKey.trim() } : { auth_type: 'oauth' }),
      ...(way === 'tokens' ? tokenFields(tokens) : {}),
      ...(environment ? { environment } : {}),
    });
    accounts.reload();
    toast({ text: t('add.added', { name: called }), tone: 'ok' });
    onClose();
    if (way === 'login') await fill(id, called);
  };
  const fill = async (/** @type {string} */ id, /** @type {string} */ called) => {
    if (loginWay === 'sign_in') signIn(id);
    if (loginWay !== 'capture') return;
    try {
      const taken = await api.post(`/api/accounts/${id}/capture-oauth`, {});
      toast({ text: t('capture.done', { name: called }), detail: taken.token_preview, tone: 'ok' });
    } catch (error) {
      const { message, hint } = explain(error);
      toast({
        text: message,
        detail: hint,
        tone: 'bad',
        action: { label: t('accounts.sign_in'), run: () => signIn(id) },
      });
    }
    accounts.reload();
  };
  const submit = way === 'login' && loginWay === 'sign_in' ? t('add.create_and_sign_in') : t('add.submit');
  return html`
    <${FormDialog} title=${t('add.title')} submit=${submit} onSubmit=${add} onClose=${onClose} disabled=${!complete}>
      <${Field}
        label=${t('add.name')} value=${name} onInput=${setName} mono autofocus required maxlength=${64}
        hint=${stored ? html`<code>claude-accounts launch ${stored}</code>` : t('add.name_hint')}
      />
      <${Tabs}
        label=${t('add.way')} value=${way} onChange=${setWay}
        tabs=${[
          { value: 'api_key', label: t('kind.api_key') },
          { value: 'login', label: t('kind.oauth') },
          { value: 'tokens', label: t('add.tokens') },
        ]}
      >
        ${way === 'api_key' && html`<${SecretField} label=${t('kind.api_key')} value=${apiKey} onInput=${setApiKey} placeholder="sk-ant-api03-…" />`}
        ${
          way === 'login' &&
          html`<${Choice}
            label=${t('add.login_way')} value=${loginWay} onChange=${setLoginWay}
            options=${[
              { value: 'sign_in', label: t('add.sign_in_now') },
              { value: 'capture', label: t('add.capture_now') },
              { value: 'later', label: t('add.later') },
            ]}
            hint=${{ sign_in: t('add.sign_in_hint'), capture: t('add.capture_hint'), later: t('add.later_hint') }[loginWay]}
          />`
        }
        ${way === 'tokens' && html`<${TokenFields} tokens=${tokens} onChange=${setTokens} />`}
      <//>
      <${Environment} variables=${variables} onChange=${setVariables} />
    <//>
  `;
}
