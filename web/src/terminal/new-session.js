// What to start: an account, and where.

import { useState } from 'preact/hooks';
import { Button } from '../components/button.js';
import { FormDialog } from '../components/dialog.js';
import { Check, Field, Select } from '../components/field.js';
import { settings } from '../data.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { useResource } from '../resource.js';
import { DirectoryPicker } from './directory-picker.js';

/** @typedef {import('../types.js').Account} Account */

let requests = 0;

/**
 * @param {{account_id: string, cwd?: string, kind: 'terminal'|'login', record?: boolean}} what
 * @returns {import('./workspace.js').StartRequest}
 */
export function newRequest(what) {
  requests += 1;
  return { ...what, key: requests };
}

/**
 * @param {{
 *   accounts: Account[], preferred: string, onStart: (request: import('./workspace.js').StartRequest) => void, onClose: () => void,
 * }} props
 */
export function NewSessionDialog({ accounts, preferred, onStart, onClose }) {
  const usable = accounts.filter((account) => account.state !== 'damaged');
  const first =
    usable.find((account) => String(account.id) === preferred) ??
    usable.find((account) => account.default) ??
    usable[0];
  const [chosen, setChosen] = useState(/** @type {string|null} */ (null));
  const account = chosen ?? String(first?.id ?? '');
  const [directory, setDirectory] = useState('');
  const [record, setRecord] = useState(/** @type {boolean|null} */ (null));
  const [picking, setPicking] = useState(false);
  const { value: server } = useResource(settings);
  const start = async () => {
    const cwd = directory.trim();
    const recorded = record === null ? {} : { record };
    onStart(newRequest({ account_id: account, kind: 'terminal', ...(cwd && { cwd }), ...recorded }));
  };
  const picked = (/** @type {string} */ path) => {
    setDirectory(path);
    setPicking(false);
  };
  return html`
    <${FormDialog}
      title=${t('terminal.new')} submit=${t('terminal.start')} submitIcon="play" onSubmit=${start} onClose=${onClose}
      disabled=${account === ''}
    >
      ${usable.length === 0 && html`<p>${t('terminal.no_accounts')}</p>`}
      <${Select}
        label=${t('terminal.account')} value=${account} onChange=${setChosen}
        options=${usable.map((each) => ({ value: String(each.id), label: each.name }))}
      />
      <${Field}
        label=${t('terminal.directory')} value=${directory} onInput=${setDirectory} mono placeholder="~"
        hint=${t('terminal.directory_hint')}
      >
        <${Button} icon="folder" label=${t('terminal.browse')} onClick=${() => setPicking(true)} />
      <//>
      <${Check} label=${t('terminal.record')} checked=${record ?? server?.recording ?? false} onChange=${setRecord} />
    <//>
    ${
      picking &&
      html`<${DirectoryPicker}
        title=${t('terminal.directory')} initial=${directory.trim()}
        onPick=${picked} onClose=${() => setPicking(false)}
      />`
    }
  `;
}
