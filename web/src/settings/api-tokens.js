// Named tokens for programs. A token is shown once, when it is made.
import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { Chip } from '../components/chip.js';
import { Dialog, FormDialog } from '../components/dialog.js';
import { ErrorNote } from '../components/error-note.js';
import { Choice, Field, Select } from '../components/field.js';
import { ShownOnce } from '../components/once.js';
import { Loading } from '../components/progress.js';
import { report, toast } from '../components/toast.js';
import { date, relative } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Panel } from './panel.js';
import { useList } from './use-list.js';

/** @typedef {import('../types.js').ApiToken} ApiToken */

export function ApiTokens() {
  const { list, error, reload } = useList('/api/auth/tokens');
  const [creating, setCreating] = useState(false);
  const [made, setMade] = useState(/** @type {string|null} */ (null));
  const created = async (/** @type {string} */ token) => {
    setCreating(false);
    setMade(token);
    await reload();
  };
  const revoke = async (/** @type {ApiToken} */ token) => {
    try {
      await api.delete(`/api/auth/tokens/${encodeURIComponent(token.id)}`);
      toast({ text: t('api_tokens.revoked', { name: token.name }), tone: 'ok' });
      await reload();
    } catch (problem) {
      report(problem);
    }
  };
  return html`
    <${Panel} title=${t('api_tokens.title')} explanation=${t('api_tokens.explanation')}>
      ${error && html`<${ErrorNote} error=${error} onRetry=${reload} />`}
      ${!list && !error && html`<${Loading} rows=${2} label=${t('common.loading')} />`}
      ${list?.length === 0 && html`<p class="dim">${t('api_tokens.none')}</p>`}
      ${
        list &&
        list.length > 0 &&
        html`<ul class="list">
          ${/** @type {ApiToken[]} */ (list).map((token) => html`<${Row} key=${token.id} token=${token} onRevoke=${revoke} />`)}
        </ul>`
      }
      <div class="row"><${Button} icon="plus" label=${t('api_tokens.create')} onClick=${() => setCreating(true)} /></div>
    <//>
    ${creating && html`<${CreateDialog} onDone=${created} onClose=${() => setCreating(false)} />`}
    ${
      made &&
      html`<${Dialog} title=${t('api_tokens.made')} onClose=${() => setMade(null)} keepOpen>
        <${ShownOnce} text=${made} label=${t('api_tokens.made')} confirm=${t('once.confirm')} done=${t('common.done')} onDone=${() => setMade(null)} />
      <//>`
    }
  `;
}

/** @param {{token: ApiToken, onRevoke: (token: ApiToken) => void}} props */
function Row({ token, onRevoke }) {
  const expired = token.expires_at !== null && token.expires_at < Date.now();
  return html`
    <li>
      <div class="grow">
        <p class="row tight"><strong class="name">${token.name}</strong> <${Chip} label=${token.scope} /> ${expired && html`<${Chip} tone="bad" icon="alert" label=${t('state.expired')} />`}</p>
        <p class="dim">
          ${token.expires_at === null ? t('api_tokens.no_expiry') : t('api_tokens.expires', { date: date(token.expires_at) })}
          ${' · '}${token.last_used_at === null ? t('api_tokens.never_used') : t('api_tokens.used', { time: relative(token.last_used_at) })}
        </p>
      </div>
      <${Button} icon="trash" label=${t('api_tokens.revoke')} name=${t('api_tokens.revoke_name', { name: token.name })} onClick=${() => onRevoke(token)} />
    </li>
  `;
}

/** @param {{onDone: (token: string) => Promise<void>, onClose: () => void}} props */
function CreateDialog({ onDone, onClose }) {
  const [name, setName] = useState('');
  const [scope, setScope] = useState(/** @type {ApiToken['scope']} */ ('read'));
  const [days, setDays] = useState('90');
  const create = async () => {
    const { token } = await api.post('/api/auth/tokens', {
      name: name.trim(),
      scope,
      ...(days === '' ? {} : { expires_in_days: Number(days) }),
    });
    await onDone(token);
  };
  const hints = { read: t('scope.read'), launch: t('scope.launch'), admin: t('scope.admin') };
  return html`
    <${FormDialog} title=${t('api_tokens.create')} submit=${t('api_tokens.create')} onSubmit=${create} onClose=${onClose} disabled=${name.trim() === ''}>
      <${Field} label=${t('api_tokens.name')} value=${name} onInput=${setName} mono autofocus maxlength=${64} hint=${t('api_tokens.name_hint')} />
      <${Choice}
        label=${t('api_tokens.scope')} value=${scope} onChange=${setScope} hint=${hints[scope]}
        options=${[
          { value: 'read', label: 'read' },
          { value: 'launch', label: 'launch' },
          { value: 'admin', label: 'admin' },
        ]}
      />
      <${Select}
        label=${t('api_tokens.expiry')} value=${days} onChange=${setDays}
        options=${[
          { value: '7', label: t('time.days_long', { count: 7 }) },
          { value: '30', label: t('time.days_long', { count: 30 }) },
          { value: '90', label: t('time.days_long', { count: 90 }) },
          { value: '365', label: t('time.days_long', { count: 365 }) },
          { value: '', label: t('api_tokens.no_expiry') },
        ]}
      />
    <//>
  `;
}
