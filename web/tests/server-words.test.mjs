// What the server says is known in every language, and nothing is translated that it does not say.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import french, { ofPasswords as frenchOfPasswords, withValues as frenchWithValues } from '../src/server-words/fr.js';
import { patterns, saidBy } from '../src/server-words/pattern.js';
import chinese, { ofPasswords as chineseOfPasswords, withValues as chineseWithValues } from '../src/server-words/zh.js';

const CRATES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'crates');

/** All that stands in the sources of the programs, lines that are continued made one. */
async function sources() {
  const entries = await readdir(CRATES, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.rs'));
  const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), 'utf8')));
  return texts.join('\n').replaceAll(/\\\n\s*/g, '');
}

test('every language has the same, and says something', () => {
  for (const [one, other] of [
    [french, chinese],
    [frenchOfPasswords, chineseOfPasswords],
    [frenchWithValues, chineseWithValues],
  ]) {
    assert.deepEqual(Object.keys(one), Object.keys(other));
    for (const [english, words] of [...Object.entries(one), ...Object.entries(other)])
      assert.ok(words !== '' && words !== english, english);
  }
});

test('the server says these words', async () => {
  const text = await sources();
  const unsaid = Object.keys(french).filter((words) => !text.includes(`"${words}`));
  assert.deepEqual(unsaid, []);
});

test('the server says those with values, with as many of them', async () => {
  const text = (await sources()).replaceAll(/\{[^{}]*:\?\}/g, '"{}"').replaceAll(/\{[^{}"]*\}/g, '{}');
  const unsaid = Object.keys(frenchWithValues).filter((words) => !text.includes(`"${words}`));
  assert.deepEqual(unsaid, []);
  const values = (/** @type {string} */ words) => words.split('{}').length;
  for (const all of [frenchWithValues, chineseWithValues])
    for (const [english, words] of Object.entries(all)) assert.equal(values(words), values(english), english);
});

test('what differs is kept, and said in the same language where it is known', () => {
  const known = patterns({ 'cannot renew "{}": {}': 'pas « {} » : {}', '(a.b) {}': '{}' });
  const inner = (/** @type {string} */ part) => (part === 'no' ? 'non' : part);
  assert.equal(saidBy(known, 'cannot renew "$& {}\n": no', inner), 'pas « $& {}\n » : non');
  assert.equal(saidBy(known, '(a.b) x', inner), 'x');
  assert.equal(saidBy(known, '(aab) x', inner), null);
  assert.equal(saidBy(known, 'it says: cannot renew "x": no', inner), null);
});
