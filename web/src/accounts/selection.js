// Which accounts are shown and in which order. Pure: no page, no clock but the one given.
import { needsAttention } from './states.js';

/** @typedef {import('../types.js').Account} Account */
/** @typedef {'all'|'api_key'|'oauth'} Kind */
/** @typedef {'all'|'ok'|'attention'|'running'} StateFilter */
/** @typedef {'added'|'name'|'used'|'expires'} Order */
/** @typedef {{search: string, kind: Kind, state: StateFilter, order: Order}} Selection */

/**
 * The accounts that a selection shows, in its order.
 * @param {Account[]} accounts oldest first
 * @param {Selection} selection
 * @returns {Account[]}
 */
export function selected(accounts, { search, kind, state, order }) {
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const shown = accounts.filter(
    (account) => (kind === 'all' || account.auth_type === kind) && inState(account, state) && matches(account, words),
  );
  return order === 'added' ? shown : shown.sort(ORDERS[order]);
}

/** @type {Record<Exclude<Order, 'added'>, (one: Account, other: Account) => number>} */
const ORDERS = {
  name: (one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }),
  used: (one, other) => (other.last_used ?? '').localeCompare(one.last_used ?? ''),
  expires: (one, other) => (one.expires_at || Number.MAX_SAFE_INTEGER) - (other.expires_at || Number.MAX_SAFE_INTEGER),
};

/** @param {Account} account @param {StateFilter} state */
function inState(account, state) {
  switch (state) {
    case 'ok':
      return !needsAttention(account);
    case 'attention':
      return needsAttention(account);
    case 'running':
      return account.sessions > 0;
    default:
      return true;
  }
}

/**
 * Every word must be found somewhere in what a row shows.
 * @param {Account} account
 * @param {string[]} words
 */
function matches(account, words) {
  const text = [
    account.name,
    account.email,
    account.organization,
    account.plan,
    account.masked_key,
    ...account.bindings,
  ]
    .join('\n')
    .toLocaleLowerCase();
  return words.every((word) => text.includes(word));
}

/**
 * How far a login's life is, as shares of the time from its renewal to its end; null if either is unknown.
 * @param {Account} account
 * @param {number} now
 * @returns {{elapsed: number, renewal: number|null}|null}
 */
export function lifeline(account, now) {
  const { renewed_at: from, expires_at: to, renews_at: next } = account;
  if (!from || !to || to <= from) return null;
  const share = (/** @type {number} */ at) => Math.min(1, Math.max(0, (at - from) / (to - from)));
  return { elapsed: share(now), renewal: next ? share(next) : null };
}
