// Passkeys as second factors.
import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { FormDialog } from '../components/dialog.js';
import { ErrorNote } from '../components/error-note.js';
import { Field } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { RecoveryCodes } from '../components/once.js';
import { Loading } from '../components/progress.js';
import { report, toast } from '../components/toast.js';
import { date } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { createPasskey, passkeysPossible } from '../webauthn.js';
import { Panel } from './panel.js';
import { useList } from './use-list.js';

/** @typedef {import('../types.js').Passkey} Passkey */

/** @param {{status: import('../types.js').SignInStatus, onStatus: () => Promise<void>}} props */
export function Passkeys({ onStatus }) {
  const { list, error, reload } = useList('/api/auth/passkeys');
  const [adding, setAdding] = useState(false);
  const [codes, setCodes] = useState(/** @type {string[]|null} */ (null));
  const possible = passkeysPossible();
  const added = async (/** @type {string[]|null} */ recovery) => {
    setAdding(false);
    setCodes(recovery);
    await reload();
    await onStatus();
  };
  const remove = async (/** @type {Passkey} */ passkey) => {
    try {
      await api.delete(`/api/auth/passkeys/${encodeURIComponent(passkey.id)}`);
      toast({ text: t('passkeys.removed', { name: passkey.name }), tone: 'ok' });
      await reload();
      await onStatus();
    } catch (problem) {
      report(problem);
    }
  };
  return html`
    <${Panel} title=${t('passkeys.title')} explanation=${t('passkeys.explanation')}>
      ${error && html`<${ErrorNote} error=${error} onRetry=${reload} />`}
      ${!list && !error && html`<${Loading} rows=${1} label=${t('common.loading')} />`}
      ${
        list &&
        list.length > 0 &&
        html`<ul class="list">
          ${
            /** @type {Passkey[]} */ (list).map(
              (passkey) => html`
              <li key=${passkey.id}>
                <${Icon} name="key" />
                <div class="grow"><strong>${passkey.name}</strong><p class="dim">${t('passkeys.created', { date: date(passkey.created_at) })}</p></div>
                <${Button} tone="quiet" icon="trash" hideLabel label=${t('passkeys.remove', { name: passkey.name })} onClick=${() => remove(passkey)} />
              </li>
            `,
            )
          }
        </ul>`
      }
      <div class="row"><${Button} icon="plus" label=${t('passkeys.add')} disabled=${!possible} onClick=${() => setAdding(true)} /></div>
      ${!possible && html`<p class="hint">${t('passkeys.impossible')}</p>`}
    <//>
    ${adding && html`<${AddDialog} onDone=${added} onClose=${() => setAdding(false)} />`}
    ${codes && html`<${RecoveryCodes} codes=${codes} onDone=${() => setCodes(null)} />`}
  `;
}

/** @param {{onDone: (codes: string[]|null) => Promise<void>, onClose: () => void}} props */
function AddDialog({ onDone, onClose }) {
  const [name, setName] = useState('');
  const add = async () => {
    const { state, options } = await api.post('/api/auth/passkeys/start', { name: name.trim() });
    const credential = await createPasskey(options);
    const { recovery_codes } = await api.post('/api/auth/passkeys/finish', { state, credential });
    await onDone(recovery_codes);
  };
  return html`
    <${FormDialog} title=${t('passkeys.add')} submit=${t('passkeys.add')} onSubmit=${add} onClose=${onClose} disabled=${name.trim() === ''}>
      <${Field} label=${t('passkeys.name')} value=${name} onInput=${setName} hint=${t('passkeys.name_hint')} maxlength=${64} autofocus />
    <//>
  `;
}
