// No text of the page is missing in any language: the catalogues have the same keys and the same fillings, every key in
// the sources is in them, and every key in them is in the sources.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');
const LANGUAGES = ['en', 'fr', 'zh'];
/** Plural forms that a language has; Chinese has one. */
const FORMS = { en: ['one', 'other'], fr: ['one', 'other'], zh: ['other'] };

/**
 * The messages of a folder's catalogues, as module exports.
 * @param {string} folder
 * @param {string} language
 * @returns {Promise<Record<string, any>>}
 */
async function catalogue(folder, language) {
  const module = await import(join(SOURCES, folder, `${language}.js`));
  return module.default ?? module.messages ?? Object.values(module)[0];
}

/** Every folder of catalogues: the frame's, and what loads later. */
async function folders() {
  const entries = await readdir(SOURCES, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && entry.name === 'locales')
    .map((entry) => join(entry.parentPath.slice(SOURCES.length), entry.name));
}

/** @returns {Promise<Map<string, string>>} path → text of each module that is no catalogue */
async function modules() {
  const entries = await readdir(SOURCES, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.js'));
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).filter((path) => !path.includes('/locales/'));
  return new Map(
    await Promise.all(paths.map(async (path) => /** @type {const} */ ([path, await readFile(path, 'utf8')]))),
  );
}

/** The {names} that a message fills in. @param {any} message */
function fillings(message) {
  const texts = typeof message === 'string' ? [message] : Object.values(message);
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)))].sort();
}

/** Keys that a source names: `t('…')`, `key('…')`. @param {string} text */
function keysIn(text) {
  return [...text.matchAll(/\b(?:t|key)\(\s*'([^']+)'/g)].map(([, name]) => name);
}

for (const folder of await folders()) {
  test(`${folder}: the same keys and fillings in every language`, async () => {
    const english = await catalogue(folder, 'en');
    for (const language of LANGUAGES) {
      const other = await catalogue(folder, language);
      assert.deepEqual(Object.keys(other).sort(), Object.keys(english).sort(), language);
      for (const [name, message] of Object.entries(other)) {
        assert.deepEqual(fillings(message), fillings(english[name]), `${language}: ${name}`);
      }
    }
  });

  test(`${folder}: no message is empty, and plurals have the forms of their language`, async () => {
    for (const language of LANGUAGES) {
      for (const [name, message] of Object.entries(await catalogue(folder, language))) {
        const texts = typeof message === 'string' ? [message] : Object.values(message);
        assert.ok(texts.length > 0 && texts.every((text) => text.trim() !== ''), `${language}: ${name}`);
        if (typeof message === 'string') continue;
        const forms = FORMS[/** @type {keyof typeof FORMS} */ (language)];
        assert.deepEqual(Object.keys(message).sort(), forms, `${language}: ${name}`);
      }
    }
  });
}

test('every key in the sources is in a catalogue, and the other way round', async () => {
  const known = new Set();
  for (const folder of await folders()) for (const name of Object.keys(await catalogue(folder, 'en'))) known.add(name);
  const texts = [...(await modules()).entries()];
  for (const [path, text] of texts) {
    for (const name of keysIn(text)) assert.ok(known.has(name), `${path}: ${name} is in no catalogue`);
  }
  const unused = [...known].filter((name) => !texts.some(([, text]) => text.includes(`'${name}'`)));
  assert.deepEqual(unused, []);
});

test('no key is put together at run time, where this test would not see it', async () => {
  for (const [path, text] of await modules()) assert.doesNotMatch(text, /\bt\(\s*`|\bt\(\s*'[^']*'\s*\+/, path);
});
