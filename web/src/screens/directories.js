// Which account belongs to which directory.
import { useState } from 'preact/hooks';
import { loadPicker } from '../accounts/dialogs.js';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { FormDialog } from '../components/dialog.js';
import { EmptyState } from '../components/empty-state.js';
import { ErrorNote } from '../components/error-note.js';
import { Field, Select } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { Lazy } from '../components/lazy.js';
import { Loading } from '../components/progress.js';
import { report, toast } from '../components/toast.js';
import { accounts as accountsResource, directories } from '../data.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { launch } from '../launch.js';
import { useResource } from '../resource.js';

/** @typedef {import('../types.js').Binding} Binding */

export function DirectoriesScreen() {
  const { value: bindings, error, reload } = useResource(directories);
  const { value: accounts } = useResource(accountsResource);
  const [adding, setAdding] = useState(false);
  const sorted = [...(bindings ?? [])].sort((one, other) => one.directory.localeCompare(other.directory));
  return html`
    <header class="screen-head">
      <h1>${t('nav.directories')}</h1>
      <${Button} icon="plus" tone="primary" label=${t('directories.bind')} disabled=${!accounts?.length} onClick=${() => setAdding(true)} />
    </header>
    <p class="lead">${t('directories.explanation')}</p>
    ${error && html`<${ErrorNote} error=${error} onRetry=${reload} />`}
    ${!bindings && !error && html`<${Loading} label=${t('common.loading')} />`}
    ${bindings?.length === 0 && html`<${EmptyState} icon="folder" title=${t('directories.empty')} text=${t('directories.empty_text')} />`}
    ${
      sorted.length > 0 &&
      html`<ul class="list bindings">
        ${sorted.map((binding) => html`<${Row} key=${binding.directory} binding=${binding} accounts=${accounts ?? []} />`)}
      </ul>`
    }
    ${adding && accounts && html`<${BindDialog} accounts=${accounts} onClose=${() => setAdding(false)} />`}
  `;
}

/** @param {string} directory @param {string} accountId */
async function bind(directory, accountId) {
  await api.put('/api/directories', { directory, account_id: accountId });
  directories.reload();
}

/** @param {Binding} binding */
async function unbind({ directory, account_id: accountId, account }) {
  await api.delete(`/api/directories?directory=${encodeURIComponent(directory)}`);
  directories.reload();
  toast({
    text: t('directories.unbound', { directory }),
    seconds: 60,
    action: { label: t('common.undo'), run: () => bind(directory, accountId).catch(report) },
    detail: account,
  });
}

/** @param {{binding: Binding, accounts: import('../types.js').Account[]}} props */
function Row({ binding, accounts }) {
  const choose = (/** @type {string} */ id) => bind(binding.directory, id).catch(report);
  const options = accounts.map(({ id, name }) => ({ value: String(id), label: name }));
  if (!accounts.some(({ id }) => id === binding.account_id))
    options.unshift({ value: String(binding.account_id), label: binding.account });
  return html`
    <li>
      <${Icon} name="folder" />
      <span class="mono grow path">${binding.directory}</span>
      <${Select} label=${t('directories.account_of', { directory: binding.directory })} hideLabel inline value=${String(binding.account_id)} onChange=${choose} options=${options} />
      <${Button}
        icon="play" label=${t('accounts.launch')} name=${t('accounts.launch_in', { directory: binding.directory })}
        onClick=${() => launch(binding.account_id, binding.directory)}
      />
      <${Button}
        tone="quiet" icon="trash" hideLabel label=${t('directories.unbind', { directory: binding.directory })}
        onClick=${() => unbind(binding).catch(report)}
      />
    </li>
  `;
}

/** @param {{accounts: import('../types.js').Account[], onClose: () => void}} props */
function BindDialog({ accounts, onClose }) {
  const [directory, setDirectory] = useState('');
  const [account, setAccount] = useState(String((accounts.find((each) => each.default) ?? accounts[0]).id));
  const [picking, setPicking] = useState(false);
  const save = async () => {
    await bind(directory.trim(), account);
    toast({ text: t('directories.bound', { directory: directory.trim() }), tone: 'ok' });
    onClose();
  };
  const pick = (/** @type {string} */ path) => {
    setDirectory(path);
    setPicking(false);
  };
  return html`
    <${FormDialog} title=${t('directories.bind')} submit=${t('directories.bind')} onSubmit=${save} onClose=${onClose} disabled=${directory.trim() === ''}>
      <${Field} label=${t('directories.directory')} value=${directory} onInput=${setDirectory} mono autofocus placeholder="/home/me/src/work" hint=${t('directories.below')}>
        <${Button} icon="folder" label=${t('directories.pick')} onClick=${() => setPicking(true)} />
      <//>
      <${Select}
        label=${t('directories.account')} value=${account} onChange=${setAccount}
        options=${accounts.map(({ id, name }) => ({ value: String(id), label: name }))}
      />
    <//>
    ${picking && html`<${Lazy} quiet load=${loadPicker} title=${t('directories.pick')} initial=${directory} onPick=${pick} onClose=${() => setPicking(false)} />`}
  `;
}
