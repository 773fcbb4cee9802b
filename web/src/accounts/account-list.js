// The rows of the accounts. With very many, a first part is drawn, so that typing in the search stays quick.
import { useState } from 'preact/hooks';
import { Button } from '../components/button.js';
import { useNow } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { AccountRow } from './account-row.js';

/** Rows drawn at first, and more at each wish for more. */
const PART = 100;

/** How many rows have a key of their own. */
const DIGITS = 9;

/**
 * @param {{
 *   shown: import('../types.js').Account[], busy: Record<string, import('./account-row.js').AccountAction>,
 *   onAction: (action: import('./account-row.js').AccountAction, account: import('../types.js').Account, directory?: string) => void,
 * }} props
 */
export function AccountList({ shown, busy, onAction }) {
  const [limit, setLimit] = useState(PART);
  const now = useNow();
  const left = shown.length - limit;
  return html`
    <ul class="accounts">
      ${shown.slice(0, limit).map(
        (account, index) => html`<${AccountRow}
          key=${account.id} account=${account} digit=${index < DIGITS ? index + 1 : null} now=${now}
          busy=${busy[account.id] ?? null} onAction=${onAction}
        />`,
      )}
    </ul>
    ${
      left > 0 &&
      html`<div class="row center more-accounts">
        <${Button} icon="down" label=${t('accounts.show_more', { count: Math.min(PART, left), left })} onClick=${() => setLimit(limit + PART)} />
      </div>`
    }
  `;
}
