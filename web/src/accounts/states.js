// What the states of an account are called and how they are shown: always drawing, word and colour together.
import { key } from '../i18n.js';

/** @typedef {import('../types.js').Account} Account */
/** @typedef {import('../types.js').AccountState} AccountState */

/** @type {Record<AccountState, {label: string, icon: string, tone: 'ok'|'attention'|'bad'|'off'}>} */
export const STATES = {
  ok: { label: key('state.ok'), icon: 'check', tone: 'ok' },
  expired: { label: key('state.expired'), icon: 'clock', tone: 'attention' },
  sign_in_again: { label: key('state.sign_in_again'), icon: 'alert', tone: 'bad' },
  no_credential: { label: key('state.no_credential'), icon: 'none', tone: 'off' },
  damaged: { label: key('state.damaged'), icon: 'broken', tone: 'bad' },
};

/**
 * @param {Account} account
 */
export function stateOf(account) {
  return STATES[account.state] ?? STATES.damaged;
}

/** @param {Account} account */
export function needsAttention(account) {
  return account.state !== 'ok';
}

/**
 * What mends an account, null if nothing need be done before it is launched.
 * @param {Account} account
 * @returns {'sign_in'|'refresh'|'edit'|null}
 */
export function remedy(account) {
  const login = account.auth_type === 'oauth';
  switch (account.state) {
    case 'ok':
      return null;
    case 'expired':
      return login && account.has_refresh ? 'refresh' : login ? 'sign_in' : 'edit';
    default:
      return login ? 'sign_in' : 'edit';
  }
}

/** Whether a launch can succeed: what has expired is renewed by the launch itself. @param {Account} account */
export function launchable(account) {
  return account.state === 'ok' || (account.state === 'expired' && remedy(account) === 'refresh');
}

/** Whether its login can be renewed now. @param {Account} account */
export function renewable(account) {
  return account.auth_type === 'oauth' && account.has_refresh === true && account.state !== 'sign_in_again';
}
