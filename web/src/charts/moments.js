// What a time line shows, from what the server tells of a login. Pure; times are epoch milliseconds.

/** @typedef {import('../types.js').Account} Account */
/** @typedef {import('../types.js').Generation} Generation */
/** @typedef {{kind: 'recorded'|'renews'|'renewal_due'|'expires'|'expired', at: number}} Moment */
/** @typedef {{from: number, to: number, current: boolean}} Span while one credential was the account's and valid */
/** @typedef {{from: number, to: number, moments: Moment[], spans: Span[]}} Line */

/** Credentials shown at most; older ones would press the last into a corner. */
const MOST = 8;
const HOUR = 3_600_000;
/** Part of the line that stays free at either end. */
const MARGIN = 0.04;

/**
 * @param {Pick<Account, 'expires_at'|'renews_at'>} account
 * @param {Generation[]} history in any order
 * @param {number} now
 * @returns {Line}
 */
export function timeLine(account, history, now) {
  const shown = history.toSorted((one, other) => one.recorded_at - other.recorded_at).slice(-MOST);
  /** @type {Moment[]} */
  const moments = shown.map(({ recorded_at: at }) => ({ kind: 'recorded', at }));
  const { renews_at: renews, expires_at: expires } = account;
  if (renews) moments.push({ kind: renews < now ? 'renewal_due' : 'renews', at: renews });
  if (expires > 0) moments.push({ kind: expires < now ? 'expired' : 'expires', at: expires });
  moments.sort((one, other) => one.at - other.at);

  const spans = shown.map((each, index) => span(each, shown[index + 1]?.recorded_at ?? Number.POSITIVE_INFINITY, now));
  const times = [now - HOUR, now + HOUR, ...moments.map(({ at }) => at)];
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const margin = (last - first) * MARGIN;
  return { from: first - margin, to: last + margin, moments, spans: spans.filter(({ from, to }) => to > from) };
}

/**
 * @param {Generation} generation
 * @param {number} replaced when the next one came
 * @param {number} now
 * @returns {Span}
 */
function span({ recorded_at: from, expires_at: expires, current }, replaced, now) {
  // One without an end is drawn as far as is known.
  const to = Math.min(replaced, expires && expires > 0 ? expires : now);
  return { from, to, current };
}

/**
 * Where a time lies on the line, in percent of its length.
 * @param {Line} line
 * @param {number} at
 */
export function percentOf({ from, to }, at) {
  return Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));
}
