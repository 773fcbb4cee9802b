// The first visit: a password is set, and the API token is shown, this once.
import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { ErrorNote } from '../components/error-note.js';
import { Field } from '../components/field.js';
import { NewPassword } from '../components/new-password.js';
import { ShownOnce } from '../components/once.js';
import { useStrength } from '../components/password-strength.js';
import { Alone } from '../frame/alone.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

/** @param {{status: import('../types.js').SignInStatus, onDone: () => Promise<void>}} props */
export function SetupScreen({ status, onDone }) {
  const [token, setToken] = useState(/** @type {string|null} */ (null));
  if (token) {
    return html`
      <${Alone} title=${t('setup.token_title')} key="token">
        <p>${t('setup.token_explanation')}</p>
        <pre class="sample"><code>curl -H 'X-Auth-Token: …' ${location.origin}/api/accounts</code></pre>
        <${ShownOnce}
          text=${token} label=${t('setup.token_title')} confirm=${t('once.confirm')} done=${t('setup.continue')} onDone=${onDone}
        />
      <//>
    `;
  }
  return html`<${SetupForm} codeNeeded=${status.setup_code_needed} onToken=${setToken} onDone=${onDone} />`;
}

/** @param {{codeNeeded: boolean, onToken: (token: string) => void, onDone: () => Promise<void>}} props */
function SetupForm({ codeNeeded, onToken, onDone }) {
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(/** @type {any} */ (null));
  const strength = useStrength(password);
  const ready = password !== '' && password === again && strength?.acceptable !== false && (!codeNeeded || code !== '');

  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!ready || busy) return;
    setBusy(true);
    setError(null);
    try {
      const answer = await api.post('/api/auth/setup', codeNeeded ? { password, code: code.trim() } : { password });
      onToken(answer.api_token);
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`
    <${Alone} title=${t('setup.title')}>
      <p>${t('setup.explanation')}</p>
      <form class="form" onSubmit=${submit}>
        <input type="text" name="username" autocomplete="username" value="claude-accounts" readonly hidden />
        ${
          codeNeeded &&
          html`<${Field}
            label=${t('setup.code')} value=${code} onInput=${setCode} mono required autofocus
            autocomplete="one-time-code" hint=${t('setup.code_hint')}
          />`
        }
        <${NewPassword}
          password=${password} again=${again} onPassword=${setPassword} onAgain=${setAgain} strength=${strength}
          autofocus=${!codeNeeded}
        />
        ${error && html`<${ErrorNote} error=${error} onRetry=${error.status === 409 ? onDone : undefined} />`}
        <${Button} type="submit" tone="primary" class="full" label=${t('setup.submit')} busy=${busy} disabled=${!ready} />
      </form>
    <//>
  `;
}
