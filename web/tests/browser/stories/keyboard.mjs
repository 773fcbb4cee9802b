// By keyboard alone: every shortcut, and a terminal from its start to its end.

import assert from 'node:assert/strict';
import { until } from '../stage.mjs';
import { readableTerminals, shows } from '../words.mjs';

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  const context = await stage.newContext();
  await readableTerminals(context);
  const page = await stage.signedIn(context);
  await page.getByText('No account yet').waitFor();
  const { keyboard } = page;

  await keyboard.press('n');
  await page.getByRole('dialog', { name: 'Add account' }).waitFor();
  await keyboard.type('perso');
  for (let steps = 0; steps < 12; steps += 1) {
    await keyboard.press('Tab');
    const label = await page.evaluate(
      () => /** @type {HTMLInputElement} */ (document.activeElement)?.labels?.[0]?.textContent,
    );
    if (label?.includes('API key')) break;
  }
  await keyboard.type('sk-ant-api03-FAKE-by-keyboard');
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'perso', level: 3 }).waitFor();

  await keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });

  await keyboard.press('/');
  await until('the search', () => page.evaluate(() => document.activeElement?.getAttribute('type') === 'search'));
  await keyboard.press('n');
  assert.equal(await page.getByRole('dialog').count(), 0, 'a shortcut fired while typing');
  await keyboard.press('Backspace');
  await keyboard.press('Escape');
  await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());

  await keyboard.press('r');
  await page.getByText('No login can be renewed.').waitFor();

  await keyboard.press('1');
  await shows(page, 'claude>');
  await keyboard.type('echo typ$((1))ed\r');
  await shows(page, 'typ1ed');
  await keyboard.press('Control+Escape');
  await page.getByRole('heading', { name: 'perso', level: 3 }).waitFor();
  const { body: sessions } = await stage.api('GET', '/api/sessions');
  assert.equal(sessions.length, 1);
  assert.equal(sessions[0].ended_at, null, 'closing the view ended the session');

  // The second of two, as they are shown.
  await stage.api('POST', '/api/accounts', { name: 'work', api_key: 'sk-ant-api03-FAKE-work' });
  await page.getByRole('heading', { name: 'work', level: 3 }).waitFor();
  const shown = await page.getByRole('heading', { level: 3 }).allInnerTexts();
  await keyboard.press('2');
  const started = await until('another session', async () => (await stage.api('GET', '/api/sessions')).body[1]);
  const { body: all } = await stage.api('GET', '/api/accounts');
  const second = all.find((/** @type {any} */ account) => account.name === shown[1]);
  assert.equal(started.account_id, second.id);
}
