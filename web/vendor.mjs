// Copies what the page loads from published packages into vendor/, with the
// versions and licences. `npm ci` comes first and takes the versions of
// package-lock.json; this script reaches no network.
//
//   node vendor.mjs           writes vendor/ anew
//   node vendor.mjs --check   fails if vendor/ is not what would be written

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const MODULES = join(HERE, 'node_modules');
const VENDOR = join(HERE, 'vendor');

/**
 * What is copied: the files that each package publishes for browsers, as ES
 * modules, minified where the package publishes them so. Names end in `.js`
 * whatever the package calls them, so that a server needs one media type.
 *
 * `bundles` names packages whose code is inside the copied file.
 *
 * @type {{name: string, files: Record<string, string>, bundles?: string[]}[]}
 */
const PACKAGES = [
  {
    name: 'preact',
    files: { 'dist/preact.mjs': 'preact.js', 'hooks/dist/hooks.mjs': 'preact-hooks.js' },
  },
  { name: 'htm', files: { 'dist/htm.mjs': 'htm.js' } },
  { name: '@xterm/xterm', files: { 'lib/xterm.mjs': 'xterm.js', 'css/xterm.css': 'xterm.css' } },
  { name: '@xterm/addon-fit', files: { 'lib/addon-fit.mjs': 'xterm-addon-fit.js' } },
  { name: '@xterm/addon-search', files: { 'lib/addon-search.mjs': 'xterm-addon-search.js' } },
  {
    name: '@xterm/addon-unicode11',
    files: { 'lib/addon-unicode11.mjs': 'xterm-addon-unicode11.js' },
  },
  {
    name: '@xterm/addon-web-links',
    files: { 'lib/addon-web-links.mjs': 'xterm-addon-web-links.js' },
  },
  { name: '@xterm/addon-webgl', files: { 'lib/addon-webgl.mjs': 'xterm-addon-webgl.js' } },
  {
    name: 'socket.io-client',
    files: { 'dist/socket.io.esm.min.js': 'socket.io.js' },
    bundles: ['socket.io-parser', 'engine.io-client', 'engine.io-parser', '@socket.io/component-emitter'],
  },
];

/**
 * The published text without the line that points at a source map, which is
 * not shipped; without it no browser asks for one.
 * @param {string} text
 */
function withoutSourceMap(text) {
  return `${text.replace(/^\/\/# sourceMappingURL=.*$/gm, '').trimEnd()}\n`;
}

/** @param {string} name */
async function manifest(name) {
  return JSON.parse(await readFile(join(MODULES, name, 'package.json'), 'utf8'));
}

/**
 * The licence that a package ships; an error if it ships none.
 * @param {string} name
 */
async function licenceText(name) {
  const names = await readdir(join(MODULES, name));
  const found = names.find((file) => /^(licen[cs]e|copying)(\.|$)/i.test(file));
  if (!found) throw new Error(`${name} ships no licence text`);
  return `${(await readFile(join(MODULES, name, found), 'utf8')).trimEnd()}\n`;
}

/** @param {string} name */
function licencePath(name) {
  return `licenses/${name.replace('@', '').replace('/', '-')}.txt`;
}

/** @returns {Promise<Map<string, string>>} path below vendor/ → contents */
async function wanted() {
  /** @type {Map<string, string>} */
  const files = new Map();
  const rows = [];
  for (const { name, files: copies, bundles = [] } of PACKAGES) {
    for (const [from, to] of Object.entries(copies)) {
      files.set(to, withoutSourceMap(await readFile(join(MODULES, name, from), 'utf8')));
    }
    for (const member of [name, ...bundles]) {
      const { version, license } = await manifest(member);
      files.set(licencePath(member), await licenceText(member));
      const where =
        member === name
          ? Object.values(copies)
              .map((file) => `\`${file}\``)
              .join(', ')
          : `inside \`${Object.values(copies)[0]}\``;
      rows.push(`| ${member} | ${version} | [${license}](${licencePath(member)}) | ${where} |`);
    }
  }
  files.set('VERSIONS.md', versions(rows));
  return files;
}

/** @param {string[]} rows */
function versions(rows) {
  return [
    '# What is in this folder',
    '',
    'Published files of the packages below, unchanged but for the pointer to a source',
    'map. Written by `node vendor.mjs` from the versions in `package-lock.json`; not',
    'to be edited.',
    '',
    '| package | version | licence | files |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** @returns {Promise<Map<string, string>>} */
async function present() {
  /** @type {Map<string, string>} */
  const files = new Map();
  const entries = await readdir(VENDOR, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath ?? entry.path, entry.name);
    files.set(relative(VENDOR, path), await readFile(path, 'utf8'));
  }
  return files;
}

async function check() {
  const [want, have] = [await wanted(), await present()];
  const differing = [...new Set([...want.keys(), ...have.keys()])]
    .filter((path) => want.get(path) !== have.get(path))
    .sort();
  if (differing.length === 0) return;
  console.error(`web/vendor differs from package-lock.json: ${differing.join(', ')}`);
  console.error('Run `npm ci && node vendor.mjs` in web/ and commit what changes.');
  process.exitCode = 1;
}

async function write() {
  const want = await wanted();
  await rm(VENDOR, { recursive: true, force: true });
  for (const [path, contents] of want) {
    await mkdir(dirname(join(VENDOR, path)), { recursive: true });
    await writeFile(join(VENDOR, path), contents);
  }
}

await (process.argv.includes('--check') ? check() : write());
