// Many accounts at a glance: tiles, kinds, states, the order, and what was launched when.

import assert from 'node:assert/strict';
import { until } from '../stage.mjs';
import { readableTerminals, shows } from '../words.mjs';

const HOURS = 60 * 60 * 1000;

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  const login = (/** @type {string} */ name, /** @type {number} */ left) => ({
    name,
    auth_type: 'oauth',
    access_token: `sk-ant-oat01-FAKE-${name}`,
    refresh_token: `sk-ant-ort01-FAKE-${name}`,
    expires_at: Date.now() + left,
  });
  await stage.api('POST', '/api/accounts', { name: 'key-10', api_key: 'sk-ant-api03-FAKE-10' });
  await stage.api('POST', '/api/accounts', login('late', 7 * HOURS));
  await stage.api('POST', '/api/accounts', { name: 'key-9', api_key: 'sk-ant-api03-FAKE-9' });
  await stage.api('POST', '/api/accounts', login('early', 6 * HOURS));
  await stage.api('POST', '/api/accounts', { name: 'nobody', auth_type: 'oauth' });
  const context = await stage.newContext();
  await readableTerminals(context);
  const page = await stage.signedIn(context);
  const names = () => page.getByRole('heading', { level: 3 }).allInnerTexts();
  const are = async (/** @type {string[]} */ wanted) => {
    /** @type {string[]} */
    let found = [];
    await until(`${wanted}`, async () => {
      found = await names();
      return JSON.stringify(found) === JSON.stringify(wanted);
    }).catch((error) => {
      throw new Error(`${error.message}, there are ${found}`);
    });
  };
  const ALL = ['key-10', 'late', 'key-9', 'early', 'nobody'];
  await are(ALL);

  // The tiles count, and choose; pressed again, they choose no more.
  const tile = (/** @type {string} */ label) =>
    page.getByRole('group', { name: 'Numbers' }).getByRole('button', { name: label });
  const count = async (/** @type {string} */ label) => Number((await tile(label).innerText()).match(/\d+/)?.[0]);
  assert.deepEqual(await Promise.all(['Accounts', 'Ready', 'Need attention', 'Terminals'].map(count)), [5, 4, 1, 0]);
  await tile('Need attention').click();
  await are(['nobody']);
  assert.equal(await tile('Need attention').getAttribute('aria-pressed'), 'true');
  await page.getByText('1 of 5').waitFor();
  await tile('Need attention').click();
  await are(ALL);

  // By kind and state together; nothing found says so, and shows all again.
  await page.getByLabel('Kind').selectOption({ label: 'Logins' });
  await are(['late', 'early', 'nobody']);
  await page.getByLabel('State').selectOption({ label: 'Ready' });
  await are(['late', 'early']);
  await page.getByLabel('State').selectOption({ label: 'Running' });
  await page.getByRole('button', { name: 'Show all' }).click();
  await are(ALL);

  // Ordered; numbers in names count as numbers. That is remembered.
  await page.getByLabel('Order').selectOption({ label: 'By name' });
  await are(['early', 'key-9', 'key-10', 'late', 'nobody']);
  await page.getByLabel('Order').selectOption({ label: 'Expiring first' });
  assert.deepEqual((await names()).slice(0, 2), ['early', 'late']);
  await page.reload();
  await until('the order', async () => (await names())[0] === 'early');

  // A launch is counted, and drawn.
  await page.getByText('No launches in these days.').waitFor();
  await page.getByRole('button', { name: 'Launch key-9' }).click();
  await shows(page, 'claude>');
  await page.getByRole('link', { name: 'Accounts' }).first().click();
  await until('a terminal in the tile', async () => (await count('Terminals')) === 1);
  await tile('Terminals').click();
  await are(['key-9']);
  const chart = page.getByRole('img', { name: 'Launches by day: 1 in all' });
  await chart.waitFor();
  assert.equal(await chart.locator('rect').count(), 1);
  await page.getByText('As a table').click();
  const today = page.getByRole('row').nth(1);
  assert.equal(await today.getByRole('cell').last().innerText(), '1');
  await page.getByLabel('Order').selectOption({ label: 'Recently used' });
  await tile('Terminals').click();
  await until('what was used to be first', async () => (await names())[0] === 'key-9');
}
