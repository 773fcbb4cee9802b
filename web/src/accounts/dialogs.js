// Which dialog about an account is open; each is loaded when it is first asked for.
import { Lazy } from '../components/lazy.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { launch } from '../launch.js';

/** @typedef {import('../types.js').Account} Account */
/** @typedef {{kind: 'add'} | {kind: 'pick'|'capture'|'edit'|'history', account: Account}} OpenDialog */

const loadAdd = async () => (await import('./add-dialog.js')).AddDialog;
const loadEdit = async () => (await import('./edit-dialog.js')).EditDialog;
const loadCapture = async () => (await import('./capture-dialog.js')).CaptureDialog;
const loadHistory = async () => (await import('./history-dialog.js')).HistoryDialog;
export const loadPicker = async () => (await import('../terminal/directory-picker.js')).DirectoryPicker;

/** @param {{dialog: OpenDialog, onClose: () => void}} props */
export function AccountDialog({ dialog, onClose }) {
  if (dialog.kind === 'add') return html`<${Lazy} quiet load=${loadAdd} onClose=${onClose} />`;
  const { account } = dialog;
  if (dialog.kind === 'pick') {
    return html`<${Lazy}
      quiet
      load=${loadPicker} title=${t('accounts.pick_title', { name: account.name })} initial=${account.bindings[0] ?? ''}
      onPick=${(/** @type {string} */ directory) => launch(account.id, directory)} onClose=${onClose}
    />`;
  }
  const load = { edit: loadEdit, capture: loadCapture, history: loadHistory }[dialog.kind];
  return html`<${Lazy} quiet load=${load} account=${account} onClose=${onClose} />`;
}
