// First visit: a password, the API token shown once, an account, and Claude Code in a terminal.

import assert from 'node:assert/strict';
import { PASSWORD } from '../stage.mjs';
import { addKey, readableTerminals, shows, type } from '../words.mjs';

/** @param {import('../stage.mjs').Stage} stage */
export default async function firstVisit(stage) {
  await stage.startServer();
  const context = await stage.newContext();
  await readableTerminals(context);
  const page = await stage.newPage(context);
  await page.goto(stage.url);

  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByLabel('The same again').fill('something else');
  await page.getByText('The two differ.').waitFor();
  await page.getByLabel('The same again').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set password' }).click();

  const token = await page.getByRole('group', { name: 'Your API token' }).innerText();
  assert.match(token.trim(), /^\S{20,}$/);
  stage.token = token.trim();
  const go = page.getByRole('button', { name: 'Go to the accounts' });
  assert.ok(await go.isDisabled(), 'one can go on without having kept the token');
  await page.getByLabel('I have saved it').check();
  await go.click();

  await page.getByText('No account yet').waitFor();
  assert.equal((await stage.api('GET', '/api/accounts')).status, 200, 'the token is good for nothing');
  await addKey(page, 'perso');
  await page.getByRole('button', { name: 'Launch perso' }).click();
  await shows(page, 'claude>');
  await type(page, 'echo "key: $ANTHROPIC_API_KEY" $((6*7)); stty size\r');
  await shows(page, 'key: sk-ant-api03-FAKE-key-of-perso 42');
  const { body: sessions } = await stage.api('GET', '/api/sessions');
  assert.equal(sessions.length, 1);
  await shows(page, `${sessions[0].rows} ${sessions[0].cols}`);
  await type(page, 'exit 3\r');
  await page.getByText('exit status 3').first().waitFor();

  // Shown once: the page never has the token again.
  await page.goto(stage.url);
  await page.getByText('perso').first().waitFor();
  assert.ok(!(await page.content()).includes(stage.token));
}
