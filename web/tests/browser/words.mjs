// What the stories do again and again, by what people see: labels, names of buttons.

import assert from 'node:assert/strict';
import { PASSWORD, until } from './stage.mjs';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('./stage.mjs').Stage} Stage */

/**
 * Adds an account with an API key, through the page.
 * @param {Page} page
 * @param {string} name
 */
export async function addKey(page, name) {
  await page.getByRole('button', { name: 'Add account' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Add account' });
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await dialog
    .getByLabel('API key', { exact: true })
    .and(page.locator('input'))
    .fill(`sk-ant-api03-FAKE-key-of-${name}`);
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

/**
 * Opens the menu of an account, and chooses.
 * @param {Page} page
 * @param {string} account
 * @param {string} entry
 */
export async function choose(page, account, entry) {
  await page.getByRole('button', { name: `More for ${account}` }).click();
  await page.getByRole('menuitem', { name: entry }).click();
}

/**
 * Shows terminals to screen readers too, which is how a story reads them.
 * @param {import('playwright-core').BrowserContext} context
 */
export async function readableTerminals(context) {
  await context.addInitScript(() => localStorage.setItem('claude-accounts.terminal.screen_reader', 'on'));
}

/**
 * The panes of other tabs stay in the page, unseen.
 * @param {Page} page
 * @param {number} nth
 */
function shown(page, nth) {
  return page.locator('.xterm').filter({ visible: true }).nth(nth);
}

/**
 * What the terminal shows now, line ends and all.
 * @param {Page} page
 * @param {number} [nth] of several panes
 */
export async function screen(page, nth = 0) {
  const rows = shown(page, nth).locator('.xterm-accessibility-tree > div');
  const texts = await rows.allTextContents();
  return texts
    .map((text) => text.replaceAll('\u00a0', ' ').trimEnd())
    .join('\n')
    .trimEnd();
}

/**
 * @param {Page} page
 * @param {string} text
 * @param {number} [nth]
 */
export async function shows(page, text, nth = 0) {
  let seen = '';
  await until(`${JSON.stringify(text)} in the terminal`, async () => {
    seen = await screen(page, nth).catch(() => '');
    return seen.includes(text);
  }).catch((error) => {
    throw new Error(`${error.message}; shown:\n${seen}`);
  });
}

/**
 * @param {Page} page
 * @param {string} text
 * @param {number} [nth]
 */
export async function type(page, text, nth = 0) {
  await shown(page, nth).locator('.xterm-helper-textarea').focus();
  await page.keyboard.type(text);
}

/**
 * Signs in by the form.
 * @param {Page} page
 */
export async function signInByForm(page) {
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
}

/**
 * The accounts by name, as a script sees them.
 * @param {Stage} stage
 */
export async function accounts(stage) {
  const { status, body } = await stage.api('GET', '/api/accounts');
  assert.equal(status, 200);
  return Object.fromEntries(body.map((/** @type {any} */ account) => [account.name, account]));
}
