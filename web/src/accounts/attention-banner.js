// What keeps accounts from being launched, each with what mends it.
import { Button } from '../components/button.js';
import { Icon } from '../components/icon.js';
import { html } from '../html.js';
import { ofServer, t } from '../i18n.js';
import { needsAttention, remedy, stateOf } from './states.js';

const SHOWN = 3;

/** @typedef {import('../types.js').Account} Account */

/**
 * @param {{
 *   accounts: Account[], onAll: () => void, busy: (account: Account) => string|null,
 *   onAction: (action: 'sign_in'|'refresh'|'edit', account: Account) => void,
 * }} props
 */
export function AttentionBanner({ accounts, onAll, busy, onAction }) {
  const troubled = accounts.filter(needsAttention);
  if (troubled.length === 0) return null;
  const labels = { sign_in: t('accounts.sign_in'), refresh: t('accounts.refresh'), edit: t('accounts.mend') };
  return html`
    <section class="attention" aria-labelledby="attention-title">
      <h2 id="attention-title"><${Icon} name="alert" /> ${t('attention.title', { count: troubled.length })}</h2>
      <ul>
        ${troubled.slice(0, SHOWN).map((account) => {
          const action = remedy(account) ?? 'edit';
          return html`
            <li key=${account.id}>
              <span class="name">${account.name}</span>
              <span class="attention-reason">${t(stateOf(account).label)}${account.reason ? ` · ${ofServer(account.reason)}` : ''}</span>
              <${Button} label=${labels[action]} name=${`${labels[action]} ${account.name}`} busy=${busy(account) === action} onClick=${() => onAction(action, account)} />
            </li>
          `;
        })}
      </ul>
      ${troubled.length > SHOWN && html`<button type="button" class="link" onClick=${onAll}>${t('attention.all', { count: troubled.length })}</button>`}
    </section>
  `;
}
