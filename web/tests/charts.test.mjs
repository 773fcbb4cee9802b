// What the charts draw.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentOf, timeLine } from '../src/charts/moments.js';
import { MOST_SERIES, scaleTop, seriesOf } from '../src/charts/stack.js';

const HOUR = 3_600_000;
const NOW = 1_800_000_000_000;

/** @param {number} generation @param {number} at @param {number|null} expires @returns {import('../src/types.js').Generation} */
const stored = (generation, at, expires, current = false) => ({
  generation,
  current,
  recorded_at: at,
  cause: 'renewed',
  masked_key: 'sk-ant-...FAKE12',
  expires_at: expires,
  has_refresh: true,
});

test('a login’s line has its past, now and what is ahead, in order', () => {
  const history = [stored(2, NOW - HOUR, NOW + 7 * HOUR, true), stored(1, NOW - 8 * HOUR, NOW)];
  const line = timeLine({ expires_at: NOW + 7 * HOUR, renews_at: NOW + 6 * HOUR }, history, NOW);
  assert.deepEqual(
    line.moments.map(({ kind }) => kind),
    ['recorded', 'recorded', 'renews', 'expires'],
  );
  // The first one ended when the second came, not when it would have expired.
  assert.deepEqual(line.spans[0], { from: NOW - 8 * HOUR, to: NOW - HOUR, current: false });
  assert.ok(percentOf(line, NOW) > 0 && percentOf(line, NOW) < 100);
  assert.equal(percentOf(line, NOW + 100 * HOUR), 100);
});

test('a login that is over says so', () => {
  const line = timeLine(
    { expires_at: NOW - HOUR, renews_at: NOW - 2 * HOUR },
    [stored(1, NOW - 9 * HOUR, NOW - HOUR, true)],
    NOW,
  );
  assert.deepEqual(
    line.moments.map(({ kind }) => kind),
    ['recorded', 'renewal_due', 'expired'],
  );
});

test('without history or expiry there is still a line', () => {
  const line = timeLine({ expires_at: 0, renews_at: null }, [], NOW);
  assert.deepEqual([line.moments, line.spans], [[], []]);
  assert.ok(line.to > line.from);
});

test('each launch is counted once, those of deleted accounts among the rest', () => {
  const accounts = Array.from({ length: 9 }, (_, index) => ({ id: `${index + 1}`, name: `account-${index + 1}` }));
  const days = [
    { day: '2026-11-21', launches: { 1: 3, 2: 1, 99: 4 } },
    { day: '2026-11-22', launches: Object.fromEntries(accounts.map(({ id }) => [id, Number(id)])) },
  ];
  const series = seriesOf(days, accounts);
  assert.equal(series.length, MOST_SERIES + 1);
  assert.equal(series.at(-1)?.name, null);
  const total = series.reduce((sum, { total: each }) => sum + each, 0);
  assert.equal(total, 3 + 1 + 4 + 45);
  assert.deepEqual(seriesOf([{ day: '2026-11-21', launches: {} }], accounts), []);
});

test('the scale ends at a round number, not far above', () => {
  const tops = { 0: 1, 1: 1, 3: 3, 4: 4, 7: 8, 12: 12, 21: 24, 99: 100, 101: 120 };
  for (const [value, top] of Object.entries(tops)) assert.equal(scaleTop(Number(value)), top);
  for (let value = 5; value < 5000; value++) {
    const top = scaleTop(value);
    assert.ok(top >= value && top < value * 1.5 && Number.isInteger(top));
  }
});
