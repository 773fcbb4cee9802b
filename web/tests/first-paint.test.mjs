// What a browser loads before it shows the first screen stays small, and no part of the terminal is in it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const WEB = join(dirname(fileURLToPath(import.meta.url)), '..');
const LARGEST = 200 * 1024;

const index = await readFile(join(WEB, 'index.html'), 'utf8');
/** @type {Record<string, string>} */
const packages = JSON.parse(/<script type="importmap"[^>]*>(.*?)<\/script>/s.exec(index)?.[1] ?? '{}').imports;

/** The file in this folder that an import names. @param {string} name @param {string} from */
function resolve(name, from) {
  return name.startsWith('.') ? join(dirname(from), name) : join(WEB, packages[name].replace('{{assets}}', ''));
}

/**
 * Files that these entries load at once: static imports, not those that are asked for later.
 * @param {string[]} entries
 */
async function loadedAtOnce(entries) {
  const seen = new Set(entries.map((entry) => join(WEB, entry)));
  for (const file of seen) {
    const text = await readFile(file, 'utf8');
    for (const [, name] of text.matchAll(/^\s*(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]/gms)) {
      seen.add(resolve(name, file));
    }
    if (file.includes('/vendor/')) {
      for (const [, name] of text.matchAll(/from\s*["']([\w@/-]+)["']/g))
        if (packages[name]) seen.add(resolve(name, file));
    }
  }
  return [...seen].map((file) => relative(WEB, file)).sort();
}

test('the first screen needs under 200 KiB, compressed', async () => {
  const modules = await loadedAtOnce([
    'src/main.js',
    'src/screens/accounts.js',
    'src/charts/usage.js',
    'src/locales/fr.js',
  ]);
  const sheets = [...index.matchAll(/href="\{\{assets\}\}\/(styles\/[^"]+)"/g)].map(([, path]) => path);
  const sizes = await Promise.all(
    [...modules, ...sheets, 'index.html'].map(async (path) => gzipSync(await readFile(join(WEB, path))).length),
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(total < LARGEST, `${total} bytes`);
});

test('no code of the terminal is loaded before a terminal is wanted', async () => {
  const modules = await loadedAtOnce(['src/main.js', 'src/screens/accounts.js']);
  const early = modules.filter((path) => /^src\/terminal\/|xterm|socket\.io/.test(path));
  assert.deepEqual(early, []);
});

test('every module that the import map names is there', async () => {
  for (const path of Object.values(packages)) await readFile(join(WEB, path.replace('{{assets}}/', '')));
});
