// The accounts: the screen that is seen first and most.
import { useRef, useState } from 'preact/hooks';
import { AccountList } from '../accounts/account-list.js';
import { mainAction } from '../accounts/account-row.js';
import { copyCommand, makeDefault, refresh, refreshAll, remove } from '../accounts/actions.js';
import { AttentionBanner } from '../accounts/attention-banner.js';
import { AccountDialog } from '../accounts/dialogs.js';
import { RefreshFailures } from '../accounts/refresh-failures.js';
import { selected } from '../accounts/selection.js';
import { renewable } from '../accounts/states.js';
import { Tiles } from '../accounts/tiles.js';
import { Toolbar, useSelection } from '../accounts/toolbar.js';
import { Button } from '../components/button.js';
import { EmptyState } from '../components/empty-state.js';
import { ErrorNote } from '../components/error-note.js';
import { Lazy } from '../components/lazy.js';
import { Loading, Progress } from '../components/progress.js';
import { report, toast } from '../components/toast.js';
import { accounts as accountsResource, usage } from '../data.js';
import { useAction, useShortcut } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { launch, signIn } from '../launch.js';
import { useResource } from '../resource.js';

/** @typedef {import('../types.js').Account} Account */
/** @typedef {import('../accounts/account-row.js').AccountAction} AccountAction */

const loadChart = async () => (await import('../charts/usage.js')).UsageChart;
const DIGITS = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

export function AccountsScreen() {
  const { value: accounts, error, reload } = useResource(accountsResource);
  const { value: used } = useResource(usage);
  const [selection, change] = useSelection();
  const [dialog, setDialog] = useState(/** @type {import('../accounts/dialogs.js').OpenDialog|null} */ (null));
  const [busy, act] = useAccountActions(setDialog);
  const [progress, renewAll, failures, closeFailures] = useRefreshAll(accounts ?? []);
  const shown = selected(accounts ?? [], selection);
  useAccountKeys(shown, act, () => setDialog({ kind: 'add' }), renewAll);

  return html`
    <header class="screen-head">
      <h1>${t('nav.accounts')}</h1>
      <div class="row">
        <${Button} icon="refresh" label=${t('accounts.refresh_all')} shortcut="R" busy=${progress !== null} onClick=${renewAll} />
        <${Button} icon="plus" tone="primary" label=${t('accounts.add')} shortcut="N" onClick=${() => setDialog({ kind: 'add' })} />
      </div>
    </header>
    ${progress && html`<${Progress} label=${t('accounts.refreshing', { name: progress.name, done: progress.done + 1, total: progress.total })} value=${progress.done} max=${progress.total} />`}
    ${error && html`<${ErrorNote} error=${error} onRetry=${reload} />`}
    ${!accounts && !error && html`<${Loading} rows=${4} label=${t('common.loading')} />`}
    ${accounts?.length === 0 && html`<${FirstAccount} onAdd=${() => setDialog({ kind: 'add' })} />`}
    ${
      accounts &&
      accounts.length > 0 &&
      html`
        <${Tiles} accounts=${accounts} days=${used?.days ?? null} state=${selection.state} onState=${(/** @type {any} */ state) => change({ state })} />
        <${AttentionBanner}
          accounts=${accounts} onAction=${act} busy=${(/** @type {Account} */ account) => busy[account.id] ?? null}
          onAll=${() => change({ state: 'attention', search: '', kind: 'all' })}
        />
        <${Toolbar} selection=${selection} onChange=${change} shown=${shown.length} all=${accounts.length} />
        <${AccountList} shown=${shown} busy=${busy} onAction=${act} />
        ${
          shown.length === 0 &&
          html`<${EmptyState} icon="search" title=${t('accounts.none_found')}>
            <${Button} label=${t('accounts.show_all')} onClick=${() => change({ search: '', kind: 'all', state: 'all' })} />
          <//>`
        }
        <section class="panel" aria-labelledby="usage-title">
          <h2 id="usage-title">${t('usage.title')}</h2>
          ${used && html`<${Lazy} load=${loadChart} days=${used.days} accounts=${accounts} />`}
        </section>
      `
    }
    ${dialog && html`<${AccountDialog} dialog=${dialog} onClose=${() => setDialog(null)} />`}
    ${failures.length > 0 && html`<${RefreshFailures} failures=${failures} onClose=${closeFailures} />`}
  `;
}

/** @param {{onAdd: () => void}} props */
function FirstAccount({ onAdd }) {
  return html`
    <${EmptyState} icon="key" title=${t('accounts.first_title')} text=${t('accounts.first_text')}>
      <${Button} icon="plus" tone="primary" label=${t('accounts.add')} onClick=${onAdd} />
    <//>
  `;
}

/**
 * What the rows, the banner and the keys do, and which account is busy with what.
 * @param {(dialog: import('../accounts/dialogs.js').OpenDialog) => void} openDialog
 * @returns {[Record<string, AccountAction>, (action: AccountAction, account: Account, directory?: string) => void]}
 */
function useAccountActions(openDialog) {
  const [busy, setBusy] = useState(/** @type {Record<string, AccountAction>} */ ({}));
  /** @type {Partial<Record<AccountAction, (account: Account) => Promise<void>>>} */
  const requests = { copy: copyCommand, refresh, default: makeDefault, delete: remove };
  const act = async (
    /** @type {AccountAction} */ action,
    /** @type {Account} */ account,
    /** @type {string|undefined} */ directory = undefined,
  ) => {
    const request = requests[action];
    if (action === 'launch') launch(account.id, directory);
    else if (action === 'sign_in') signIn(account.id);
    else if (!request) openDialog({ kind: /** @type {'pick'|'capture'|'edit'|'history'} */ (action), account });
    else if (!busy[account.id]) {
      setBusy((before) => ({ ...before, [account.id]: action }));
      await request(account).catch(report);
      setBusy(({ [account.id]: _done, ...others }) => others);
    }
  };
  return [busy, act];
}

/**
 * Renewal of every login that can be renewed, with how far it is.
 * @param {Account[]} accounts
 * @returns {[{done: number, total: number, name: string}|null, () => Promise<void>, {name: string, error: Error}[], () => void]}
 */
function useRefreshAll(accounts) {
  const [progress, setProgress] = useState(/** @type {{done: number, total: number, name: string}|null} */ (null));
  const [failures, setFailures] = useState(/** @type {{name: string, error: Error}[]} */ ([]));
  const [run] = useAction(async () => {
    const logins = accounts.filter(renewable);
    if (logins.length === 0) {
      toast({ text: t('accounts.nothing_to_refresh') });
      return;
    }
    try {
      const failed = await refreshAll(logins, (done, name) => setProgress({ done, total: logins.length, name }));
      const renewed = logins.length - failed.length;
      if (renewed > 0) toast({ text: t('accounts.all_refreshed', { count: renewed }), tone: 'ok' });
      setFailures(failed);
    } finally {
      setProgress(null);
    }
  });
  return [progress, run, failures, () => setFailures([])];
}

/**
 * @param {Account[]} shown
 * @param {(action: AccountAction, account: Account) => void} act
 * @param {() => void} add
 * @param {() => void} renewAll
 */
function useAccountKeys(shown, act, add, renewAll) {
  const latest = useRef(shown);
  latest.current = shown;
  useShortcut('n', add, { description: () => t('keys.add') });
  useShortcut('/', focusSearch, { description: () => t('keys.search') });
  useShortcut('r', renewAll, { description: () => t('keys.refresh_all') });
  for (const digit of DIGITS) {
    useShortcut(
      digit,
      () => {
        const account = latest.current[Number(digit) - 1];
        if (account) act(mainAction(account), account);
      },
      { description: () => t('keys.launch'), shown: '1 … 9', hidden: digit !== '1' },
    );
  }
}

function focusSearch() {
  const search = /** @type {HTMLInputElement|null} */ (document.querySelector('.toolbar input[type="search"]'));
  search?.focus();
  search?.select();
}
