// How far the output has come and how that is told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cursor } from '../src/terminal/cursor.js';
import { ACK_BYTES, ACK_INTERVAL, AckPacer } from '../src/terminal/pacing.js';

/** Timers that go off when the test says so. */
function clock() {
  /** @type {{run: () => void, wait: number}[]} */
  const set = [];
  return {
    timers: {
      set: (/** @type {() => void} */ run, /** @type {number} */ wait) => set[set.push({ run, wait }) - 1],
      clear: (/** @type {any} */ timer) => set.splice(set.indexOf(timer), 1),
    },
    set,
    elapse: () => [...set].forEach(({ run }) => void run()),
  };
}

test('less than 32 KiB is told after 50 ms, once', () => {
  const { timers, set, elapse } = clock();
  /** @type {number[]} */
  const told = [];
  const pacer = new AckPacer((after) => told.push(after), timers);
  pacer.parsed(10);
  pacer.parsed(20);
  assert.deepEqual(told, []);
  assert.deepEqual(
    set.map(({ wait }) => wait),
    [ACK_INTERVAL],
  );
  elapse();
  assert.deepEqual(told, [20]);
  assert.equal(set.length, 0);
});

test('a flood is told each 32 KiB and its end within 50 ms', () => {
  const { timers, elapse } = clock();
  /** @type {number[]} */
  const told = [];
  const pacer = new AckPacer((after) => told.push(after), timers);
  const total = 1_000_000;
  for (let after = 4096; after <= total; after += 4096) pacer.parsed(after);
  pacer.parsed(total);
  assert.ok(told.length <= total / ACK_BYTES);
  assert.ok(told.every((after, index) => after - (told[index - 1] ?? 0) >= ACK_BYTES));
  elapse();
  assert.equal(told.at(-1), total);
});

test('nothing is told twice or backwards', () => {
  const { timers, elapse } = clock();
  /** @type {number[]} */
  const told = [];
  const pacer = new AckPacer((after) => told.push(after), timers);
  pacer.parsed(50_000);
  pacer.parsed(40_000);
  pacer.parsed(50_000);
  elapse();
  assert.deepEqual(told, [50_000]);
});

test('after a new attachment it is counted from there', () => {
  const { timers, set, elapse } = clock();
  /** @type {number[]} */
  const told = [];
  const pacer = new AckPacer((after) => told.push(after), timers);
  pacer.parsed(10);
  pacer.restart(100);
  assert.equal(set.length, 0);
  pacer.parsed(60);
  pacer.parsed(110);
  elapse();
  assert.deepEqual(told, [110]);
});

test('a cursor asks for a picture first and for the rest afterwards', () => {
  const cursor = new Cursor();
  assert.deepEqual(cursor.attachment('a'), { session: 'a' });
  assert.equal(cursor.accept({ data: 'screen', after: 900, reset: true }), 'replace');
  assert.equal(cursor.accept({ data: 'x', after: 901 }), 'write');
  assert.deepEqual(cursor.attachment('a'), { session: 'a', after: 901 });
});

test('what came before a dropped connection is not shown again', () => {
  const cursor = new Cursor();
  cursor.accept({ data: 'x', after: 10 });
  assert.equal(cursor.accept({ data: 'x', after: 10 }), 'skip');
  assert.equal(cursor.accept({ data: 'w', after: 4 }), 'skip');
  assert.equal(cursor.accept({ data: 'y', after: 11 }), 'write');
  assert.equal(cursor.accept({ data: 'picture', after: 5, reset: true }), 'replace');
  assert.equal(cursor.received, 5);
});
