// What the server says is known in every language, and nothing is translated that it does not say.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import french, { ofPasswords as frenchOfPasswords } from '../src/server-words/fr.js';
import chinese, { ofPasswords as chineseOfPasswords } from '../src/server-words/zh.js';

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
