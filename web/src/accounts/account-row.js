// One account in the list: who it is, how its credential stands, and what can be done with it.
import { Button } from '../components/button.js';
import { Chip, State } from '../components/chip.js';
import { Icon } from '../components/icon.js';
import { Menu } from '../components/menu.js';
import { dateTime, duration, instant, relative } from '../format.js';
import { html } from '../html.js';
import { ofServer, t } from '../i18n.js';
import { followLink } from '../router.js';
import { lifeline } from './selection.js';
import { launchable, remedy, renewable, stateOf } from './states.js';

/** @typedef {import('../types.js').Account} Account */

/**
 * @typedef {'launch'|'pick'|'copy'|'refresh'|'capture'|'sign_in'|'edit'|'history'|'default'|'delete'} AccountAction
 */

/**
 * @param {{
 *   account: Account, digit: number|null, now: number, busy: AccountAction|null,
 *   onAction: (action: AccountAction, account: Account, directory?: string) => void,
 * }} props `digit` is the key that launches it
 */
export function AccountRow({ account, digit, now, busy, onAction }) {
  const state = stateOf(account);
  return html`
    <li class=${`account tone-${state.tone}`}>
      <div class="account-name">
        <div class="account-title">
          <h3 class="name">${account.name}</h3>
          ${account.default && html`<${Chip} icon="star" tone="accent" label=${t('accounts.default')} />`}
          ${account.plan && html`<${Chip} label=${account.plan} />`}
        </div>
        <p class="account-who dim">${who(account)}</p>
        ${
          (account.bindings.length > 0 || account.sessions > 0) &&
          html`<p class="account-where dim">
            ${account.sessions > 0 && html`<a href="/terminal" onClick=${followLink}><${Icon} name="terminal" size=${13} />${t('accounts.sessions', { count: account.sessions })}</a>`}
            ${account.bindings.length > 0 && html`<span title=${account.bindings.join('\n')}><${Icon} name="folder" size=${13} /><span class="mono">${account.bindings[0]}</span>${account.bindings.length > 1 ? ` +${account.bindings.length - 1}` : ''}</span>`}
          </p>`
        }
      </div>
      <${Credential} account=${account} state=${state} now=${now} />
      <div class="account-used dim"><span class="label">${t('accounts.last_used')}</span>${used(account, now)}</div>
      <div class="account-actions">
        <${MainButton} account=${account} digit=${digit} busy=${busy} onAction=${onAction} />
        <${Menu} label=${t('accounts.menu', { name: account.name })} entries=${entries(account, onAction)} />
      </div>
    </li>
  `;
}

/** @param {Account} account */
function who(account) {
  const parts = [account.email, account.organization].filter(Boolean);
  const kind = account.auth_type === 'oauth' ? t('kind.oauth') : t('kind.api_key');
  return html`
    <span>${parts.length > 0 ? parts.join(' · ') : kind}</span>
    ${account.masked_key && html`<code class="mono">${account.masked_key}</code>`}
  `;
}

/** @param {Account} account @param {number} now */
function used(account, now) {
  const at = instant(account.last_used);
  return at === null
    ? t('time.never')
    : html`<time datetime=${new Date(at).toISOString()} title=${dateTime(at)}>${relative(at, now)}</time>`;
}

/** @param {{account: Account, state: ReturnType<typeof stateOf>, now: number}} props */
function Credential({ account, state, now }) {
  const left = account.expires_at - now;
  const expires = account.auth_type === 'oauth' && account.expires_at > 0;
  const life = state.tone === 'ok' && expires ? lifeline(account, now) : null;
  const detail =
    state.tone === 'ok' && expires
      ? left > 0
        ? t('accounts.time_left', { time: duration(left) })
        : t('accounts.due')
      : ofServer(account.reason);
  return html`
    <div class="account-credential">
      <p class="account-state">
        <${State} label=${t(state.label)} icon=${state.icon} tone=${state.tone} />
        ${detail && html`<span class="account-detail">${detail}</span>`}
      </p>
      ${life && html`<${Lifeline} life=${life} />`}
      ${life && account.renews_at && account.renews_at > now && html`<p class="hint">${t('accounts.renews_in', { time: duration(account.renews_at - now) })}</p>`}
      ${account.last_error && html`<p class="hint bad"><${Icon} name="alert" size=${13} /><span>${ofServer(account.last_error)}</span></p>`}
    </div>
  `;
}

/**
 * The life of an access token as a line: what has passed, what is left, and where the keeper renews it. The words beside
 * it say the same.
 * @param {{life: NonNullable<ReturnType<typeof lifeline>>}} props
 */
function Lifeline({ life }) {
  return html`
    <div class="lifeline" aria-hidden="true">
      <span class="lifeline-left" style=${{ left: `${life.elapsed * 100}%` }}></span>
      ${life.renewal !== null && html`<span class="lifeline-renewal" style=${{ left: `${life.renewal * 100}%` }}></span>`}
    </div>
  `;
}

/** @param {{account: Account, digit: number|null, busy: AccountAction|null, onAction: (action: AccountAction, account: Account) => void}} props */
function MainButton({ account, digit, busy, onAction }) {
  const action = mainAction(account);
  const label = {
    launch: t('accounts.launch'),
    sign_in: t('accounts.sign_in'),
    refresh: t('accounts.refresh'),
    edit: t('accounts.mend'),
  }[action];
  return html`
    <${Button}
      class="launch" icon=${{ launch: 'play', sign_in: 'signin', refresh: 'refresh', edit: 'edit' }[action]} label=${label}
      name=${`${label} ${account.name}`} busy=${busy === action} shortcut=${digit === null ? undefined : String(digit)}
      onClick=${() => onAction(action, account)}
    />
  `;
}

/**
 * What the one button of a row does: launch, or first what a launch needs.
 * @param {Account} account
 */
export function mainAction(account) {
  if (launchable(account)) return 'launch';
  return remedy(account) ?? 'launch';
}

/**
 * @param {Account} account
 * @param {(action: AccountAction, account: Account, directory?: string) => void} onAction
 * @returns {import('../components/menu.js').MenuEntry[]}
 */
function entries(account, onAction) {
  const entry = (/** @type {AccountAction} */ action, /** @type {string} */ icon, /** @type {string} */ label) => ({
    label,
    icon,
    run: () => onAction(action, account),
  });
  const login = account.auth_type === 'oauth';
  return [
    entry('launch', 'play', t('accounts.launch_home')),
    ...account.bindings.slice(0, 5).map((directory) => ({
      label: t('accounts.launch_in', { directory }),
      icon: 'play',
      run: () => onAction('launch', account, directory),
    })),
    entry('pick', 'folder', t('accounts.launch_pick')),
    entry('copy', 'copy', t('accounts.copy_command')),
    'separator',
    ...(login
      ? [
          { ...entry('refresh', 'refresh', t('accounts.refresh_now')), disabled: !renewable(account) },
          entry('capture', 'capture', t('accounts.capture')),
          entry('sign_in', 'signin', t('accounts.sign_in')),
          /** @type {const} */ ('separator'),
        ]
      : []),
    entry('edit', 'edit', t('accounts.edit')),
    entry('history', 'history', t('accounts.history')),
    { ...entry('default', 'star', t('accounts.make_default')), disabled: account.default },
    'separator',
    { ...entry('delete', 'trash', t('accounts.delete')), tone: 'bad' },
  ];
}
