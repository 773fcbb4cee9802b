// Keys that the page takes, and keys that a touch screen lacks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandOf, touchSequence, withCtrl } from '../src/terminal/keys.js';
import { breadcrumbs } from '../src/terminal/paths.js';

const key = (/** @type {string} */ code, /** @type {string[]} */ ...held) => ({
  code,
  ctrlKey: held.includes('ctrl'),
  shiftKey: held.includes('shift'),
  altKey: held.includes('alt'),
  metaKey: held.includes('meta'),
});

test('only chords with Shift and Ctrl or Alt are the page’s', () => {
  assert.equal(commandOf(key('KeyC', 'ctrl', 'shift')), 'copy');
  assert.deepEqual(commandOf(key('ArrowLeft', 'alt', 'shift')), { move: 'left' });
  for (const event of [
    key('KeyC', 'ctrl'),
    key('KeyC'),
    key('KeyC', 'shift'),
    key('ArrowLeft', 'shift'),
    key('ArrowLeft', 'alt'),
    key('KeyF', 'ctrl', 'alt', 'shift'),
    key('Escape'),
    key('Tab', 'shift'),
  ]) {
    assert.equal(commandOf(event), null);
  }
});

test('arrows follow the mode that the program has chosen', () => {
  assert.equal(touchSequence('up', false), '\x1b[A');
  assert.equal(touchSequence('up', true), '\x1bOA');
  assert.equal(touchSequence('escape', true), '\x1b');
  assert.equal(touchSequence('backtab', true), '\x1b[Z');
});

test('a held Ctrl makes control characters of letters and leaves the rest', () => {
  assert.equal(withCtrl('c'), '\x03');
  assert.equal(withCtrl('C'), '\x03');
  assert.equal(withCtrl('['), '\x1b');
  assert.equal(withCtrl('?'), '\x7f');
  assert.equal(withCtrl(' '), '\x00');
  for (const text of ['é', '1', 'ab', '\x1b[A', '']) assert.equal(withCtrl(text), text);
});

test('a path is told step by step', () => {
  assert.deepEqual(breadcrumbs('/'), [{ name: '/', path: '/' }]);
  assert.deepEqual(breadcrumbs('/home/a b'), [
    { name: '/', path: '/' },
    { name: 'home', path: '/home' },
    { name: 'a b', path: '/home/a b' },
  ]);
});
