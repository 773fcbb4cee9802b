// Logins: one that has expired is renewed, one is captured, one is signed in to in the browser's terminal. The caller has
// made `work`, expired; a login in ~/.claude; and a client that signs in as somebody.

import assert from 'node:assert/strict';
import { until } from '../stage.mjs';
import { accounts, choose, readableTerminals, shows } from '../words.mjs';

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  const context = await stage.newContext();
  await readableTerminals(context);
  const page = await stage.signedIn(context);

  // Nothing is spent by looking.
  await page.getByRole('heading', { name: 'work', level: 3 }).waitFor();
  const expired = (await accounts(stage)).work;
  assert.equal(expired.token_status, 'expired');
  await choose(page, 'work', 'Refresh now');
  await page.getByText('work was renewed').waitFor();
  const renewed = (await accounts(stage)).work;
  assert.equal(renewed.token_status, 'valid');
  assert.equal(renewed.generation, expired.generation + 1);

  await choose(page, 'work', 'History…');
  const history = page.getByRole('dialog', { name: 'History of work' });
  await history.getByText('in use').first().waitFor();
  await history.getByText('captured').first().waitFor();
  await page.keyboard.press('Escape');

  // The login of ~/.claude, into a new account.
  await page.getByRole('button', { name: 'Add account' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Add account' });
  await dialog.getByLabel('Name', { exact: true }).fill('mine');
  await dialog.getByRole('tab', { name: 'Login' }).click();
  await dialog.getByLabel('Take it from ~/.claude').check();
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await until('the captured login', async () => (await accounts(stage)).mine?.token_status === 'valid');
  await dialog.waitFor({ state: 'detached' });

  // Signed in, in the terminal.
  await page.getByRole('button', { name: 'Add account' }).first().click();
  await dialog.getByLabel('Name', { exact: true }).fill('fresh');
  await dialog.getByRole('tab', { name: 'Login' }).click();
  await dialog.getByLabel('Sign in now').check();
  await dialog.getByRole('button', { name: 'Create and sign in' }).click();
  await page.getByText('Signed in; the login is stored').first().waitFor();
  const fresh = await until('the login', async () => {
    const found = (await accounts(stage)).fresh;
    return found?.token_status === 'valid' && found;
  });
  assert.equal(fresh.has_refresh, true);

  // And used.
  await page.goto(stage.url);
  await page.getByRole('button', { name: 'Launch fresh' }).click();
  await shows(page, 'claude>');
  await page.goto(stage.url);
  await page.getByText('1 terminal').first().waitFor();
}
