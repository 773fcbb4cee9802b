// Changes to an account. What nobody touched is not sent, so nothing is written back that somebody else changed
// meanwhile.
import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { FormDialog } from '../components/dialog.js';
import { Check, Field, SecretField } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { toast } from '../components/toast.js';
import { accounts } from '../data.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { storedName } from './add-dialog.js';
import { Environment, keptVariables, missingValue, variablesToSend } from './environment.js';
import { NO_TOKENS, TokenFields, tokenFields } from './token-fields.js';

/** @param {{account: import('../types.js').Account, onClose: () => void}} props */
export function EditDialog({ account: shown, onClose }) {
  // As it was when the dialog opened: events go on changing the list behind it.
  const [account] = useState(shown);
  const [name, setName] = useState(account.name);
  const [isDefault, setDefault] = useState(account.default);
  const [apiKey, setApiKey] = useState('');
  const [tokens, setTokens] = useState(NO_TOKENS);
  const [variables, setVariables] = useState(() => keptVariables(account.environment));
  const login = account.auth_type === 'oauth';

  /** @type {Record<string, unknown>} */
  const changes = {};
  if (storedName(name) !== account.name && storedName(name) !== '') changes.name = name;
  if (isDefault !== account.default) changes.default = isDefault;
  if (apiKey.trim()) changes.api_key = apiKey.trim();
  if (login) Object.assign(changes, tokenFields(tokens));
  const environment = variablesToSend(variables);
  if (environment) changes.environment = environment;

  const save = async () => {
    await api.put(`/api/accounts/${account.id}`, changes);
    accounts.reload();
    toast({ text: t('edit.saved', { name: String(changes.name ?? account.name) }), tone: 'ok' });
    onClose();
  };
  return html`
    <${FormDialog}
      title=${t('edit.title', { name: account.name })} submit=${t('common.save')} onSubmit=${save} onClose=${onClose}
      disabled=${Object.keys(changes).length === 0 || storedName(name) === '' || missingValue(variables) !== undefined}
    >
      <${Field} label=${t('add.name')} value=${name} onInput=${setName} mono required maxlength=${64} autofocus />
      ${
        login
          ? html`<details class="more">
              <summary><${Icon} name="down" /><span>${t('edit.tokens')}</span></summary>
              <p class="hint">${t('edit.tokens_hint')}</p>
              <${TokenFields} tokens=${tokens} onChange=${setTokens} kept />
            </details>`
          : html`<${SecretField}
              label=${t('kind.api_key')} value=${apiKey} onInput=${setApiKey} placeholder=${account.masked_key || 'sk-ant-api03-…'}
              hint=${t('edit.key_hint')}
            />`
      }
      <${Environment} variables=${variables} onChange=${setVariables} />
      <${Check} label=${t('edit.default')} hint=${t('edit.default_hint')} checked=${isDefault} onChange=${setDefault} />
    <//>
  `;
}
