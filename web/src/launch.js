// How a terminal is asked for. What is to be started is handed over once: going back to the terminal, or loading the
// page again, starts nothing a second time.
import { navigate } from './router.js';

/** @typedef {import('./types.js').Launch} Launch */

/** @type {Launch|null} */
let waiting = null;

/**
 * Starts Claude Code with an account in the page's terminal.
 * @param {string} accountId
 * @param {string} [cwd] the home unless told
 */
export function launch(accountId, cwd) {
  waiting =
    cwd === undefined ? { account_id: accountId, kind: 'terminal' } : { account_id: accountId, cwd, kind: 'terminal' };
  navigate('/terminal');
}

/**
 * Signs an account in, in the page's terminal.
 * @param {string} accountId
 */
export function signIn(accountId) {
  waiting = { account_id: accountId, kind: 'login' };
  navigate('/terminal');
}

/**
 * What is to be started now, from a button or from the address `/terminal?account=ID`. An address names an account and
 * nothing else, and is asked about: no link from elsewhere chooses the directory, or starts anything.
 * @returns {Launch|null}
 */
export function takeLaunch() {
  const asked = new URLSearchParams(location.search).get('account');
  if (asked !== null) history.replaceState(null, '', location.pathname);
  const taken = waiting;
  waiting = null;
  if (taken) return taken;
  return asked ? { account_id: asked, kind: 'terminal', ask: true } : null;
}
