// What is typed: cut into pieces, sent in order, never twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutInput, InputQueue, PIECE_BYTES } from '../src/terminal/input.js';

const bytes = (/** @type {string} */ text) => new TextEncoder().encode(text).length;

/** A queue whose pieces are taken when the test says so. */
function queue() {
  /** @type {string[]} */
  const sent = [];
  /** @type {(() => void)[]} */
  const takes = [];
  const made = new InputQueue((piece, taken) => {
    sent.push(piece);
    if (taken) takes.push(taken);
  });
  return { made, sent, takes, takeAll: () => takes.splice(0).forEach((take) => void take()) };
}

test('an empty text has no pieces, a short one is one', () => {
  assert.deepEqual(cutInput(''), []);
  assert.deepEqual(cutInput('ls\r'), ['ls\r']);
});

test('pieces join to the text, are within the limit and hold whole characters', () => {
  const text = 'a😀é漢'.repeat(20_000);
  const pieces = cutInput(text);
  assert.equal(pieces.join(''), text);
  assert.ok(pieces.length > 1);
  for (const piece of pieces) {
    assert.ok(bytes(piece) <= PIECE_BYTES);
    assert.ok(!/^[\udc00-\udfff]|[\ud800-\udbff]$/.test(piece));
  }
});

test('every limit and every offset of a pair keeps pairs whole', () => {
  for (let limit = 4; limit < 20; limit++) {
    for (let before = 0; before < 8; before++) {
      const text = `${'x'.repeat(before)}😀😀😀${'é'.repeat(5)}😀`;
      const pieces = cutInput(text, limit);
      assert.equal(pieces.join(''), text);
      for (const piece of pieces) assert.ok(bytes(piece) <= limit && !/^[\udc00-\udfff]/.test(piece));
    }
  }
});

test('a lone surrogate is passed on and cuts nothing', () => {
  const text = '\ud800'.repeat(10);
  assert.equal(cutInput(text, 6).join(''), text);
});

test('keys go at once and need no answer', () => {
  const { made, sent, takes } = queue();
  for (const key of 'exit\r') made.push(key);
  assert.deepEqual(sent, [...'exit\r']);
  assert.equal(takes.length, 0);
});

test('a paste of 4 MB goes in order, a few pieces at a time, and keys wait behind it', () => {
  const { made, sent, takes, takeAll } = queue();
  const paste = '0123456789abcdef'.repeat(256 * 1024);
  made.push(paste);
  made.push('k');
  assert.ok(sent.length <= 8);
  while (takes.length > 0) takeAll();
  assert.equal(sent.join(''), `${paste}k`);
});

test('Ctrl-C overtakes a paste, drops its rest and ends its bracket', () => {
  const { made, sent, takeAll } = queue();
  made.push(`\x1b[200~${'x'.repeat(1 << 20)}\x1b[201~`);
  const before = sent.length;
  made.push('\x03');
  assert.deepEqual(sent.slice(before), ['\x1b[201~\x03']);
  takeAll();
  takeAll();
  assert.equal(sent.length, before + 1);
});

test('the end of a bracket is found where it was cut in two', () => {
  for (let shift = 0; shift < 8; shift++) {
    const { made, sent } = queue();
    made.push(`\x1b[200~${'x'.repeat(20 * PIECE_BYTES - 6 - shift)}\x1b[201~`);
    made.push('\x03');
    assert.equal(sent.at(-1), '\x1b[201~\x03');
  }
});

test('what was not sent when the connection went is forgotten and counted; late answers change nothing', () => {
  const { made, sent, takes } = queue();
  made.push('y'.repeat(20 * PIECE_BYTES));
  const late = takes.splice(0);
  assert.equal(made.clear(), 12 * PIECE_BYTES);
  const before = sent.length;
  for (const take of late) take();
  assert.equal(sent.length, before);
  made.push('k');
  assert.equal(sent.at(-1), 'k');
});
