// The question for the password before something that needs a fresh sign-in; src/api.js asks it.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.js';
import { FormDialog } from '../components/dialog.js';
import { SecretField } from '../components/field.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

/** @type {((confirmed: boolean) => void)|null} Whoever waits for the answer. */
let waiting = null;
/** @type {() => void} */
let changed = () => {};

/** Asks; the answer is whether the sign-in is fresh now. @returns {Promise<boolean>} */
export function askForPassword() {
  return new Promise((resolve) => {
    waiting = resolve;
    changed();
  });
}

export function PasswordQuestion() {
  const [password, setPassword] = useState('');
  const [, redraw] = useState(0);
  useEffect(() => {
    changed = () => redraw((count) => count + 1);
  }, []);
  if (!waiting) return null;
  const answer = (/** @type {boolean} */ confirmed) => {
    const resolve = waiting;
    waiting = null;
    setPassword('');
    changed();
    resolve?.(confirmed);
  };
  const confirm = async () => {
    await api.post('/api/auth/confirm', { password });
    answer(true);
  };
  return html`
    <${FormDialog}
      title=${t('fresh.title')} submit=${t('fresh.confirm')} submitIcon="lock" disabled=${password === ''}
      onSubmit=${confirm} onClose=${() => answer(false)}
    >
      <p>${t('fresh.explanation')}</p>
      <${SecretField}
        label=${t('sign_in.password')} value=${password} onInput=${setPassword} autocomplete="current-password" autofocus
      />
    <//>
  `;
}
