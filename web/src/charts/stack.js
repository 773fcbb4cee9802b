// Launches by day as stacked columns. Pure.

/** @typedef {import('../types.js').UsageDay} UsageDay */
/** @typedef {{name: string|null, counts: number[], total: number}} Series one account; `name` null: all the rest */

/** Accounts that get a colour of their own; more could not be told apart. */
export const MOST_SERIES = 6;

/**
 * The accounts with most launches, in the order of the accounts, and the rest together: deleted accounts too.
 * @param {UsageDay[]} days
 * @param {{id: string, name: string}[]} accounts
 * @returns {Series[]} without those that were not launched at all
 */
export function seriesOf(days, accounts) {
  const all = accounts.map(({ id, name }) => series(name, days, (launches) => launches[String(id)] ?? 0));
  const used = all.filter(({ total }) => total > 0);
  const kept = new Set(used.toSorted((one, other) => other.total - one.total).slice(0, MOST_SERIES));
  const shown = used.filter((each) => kept.has(each));
  const rest = days.map(
    ({ launches }, day) => sum(Object.values(launches)) - sum(shown.map(({ counts }) => counts[day])),
  );
  return sum(rest) > 0 ? [...shown, { name: null, counts: rest, total: sum(rest) }] : shown;
}

/**
 * @param {string} name
 * @param {UsageDay[]} days
 * @param {(launches: Record<string, number>) => number} count
 * @returns {Series}
 */
function series(name, days, count) {
  const counts = days.map(({ launches }) => count(launches));
  return { name, counts, total: sum(counts) };
}

/** @param {number[]} numbers */
export function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}

/**
 * A round number at or above `value` for the top of the scale.
 * @param {number} value
 */
export function scaleTop(value) {
  if (value <= 4) return Math.max(1, value);
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((top) => top >= value) ?? value;
}
