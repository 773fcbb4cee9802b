// axe finds nothing wrong on any screen, in light and dark, at the desk and on a phone.

import assert from 'node:assert/strict';
import { PASSWORD } from '../stage.mjs';
import { readableTerminals, shows } from '../words.mjs';

const SCREENS = ['/', '/terminal', '/directories', '/import', '/aliases', '/audit', '/settings'];

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  const fresh = await stage.newContext();
  const page = await stage.newPage(fresh, ['401']);
  await page.goto(stage.url);
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  await stage.accessible(page, 'set-up');
  await stage.setUp();
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await stage.accessible(page, 'sign-in');
  await page.getByLabel('Password', { exact: true }).fill(`not ${PASSWORD}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page
    .getByText(/wrong|not right|incorrect/i)
    .first()
    .waitFor();
  await stage.accessible(page, 'a refused sign-in');

  for (const name of ['perso', 'work'])
    await stage.api('POST', '/api/accounts', { name, api_key: `sk-ant-api03-FAKE-${name}` });
  await stage.api('POST', '/api/accounts', { name: 'later', auth_type: 'oauth' });
  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    for (const width of [1280, 360]) {
      const context = await stage.newContext({ colorScheme, viewport: { width, height: 800 } });
      const signed = await stage.signedIn(context);
      for (const path of SCREENS) {
        await signed.goto(stage.url + path);
        await signed.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
        await signed.waitForLoadState('load');
        await stage.accessible(signed, `${path}, ${colorScheme}, ${width}`);
      }
      await moves(signed, `${colorScheme}, ${width}`);
      // Each colour and each width once.
      if ((colorScheme === 'light') === width > 1000) await opened(stage, signed, `${colorScheme}, ${width}`);
      await context.close();
    }
  }
}

/**
 * Nothing moves for whoever wants nothing to.
 * @param {import('playwright-core').Page} page
 * @param {string} where
 */
async function moves(page, where) {
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll('*')]
      .map((element) => getComputedStyle(element))
      .filter(
        (style) => Number.parseFloat(style.transitionDuration) > 0 || Number.parseFloat(style.animationDuration) > 0.01,
      )
      .map((style) => `${style.transitionProperty} ${style.animationName}`),
  );
  assert.deepEqual(moving, [], where);
}

/**
 * What opens: dialogs, menus, and a terminal in which something runs.
 * @param {import('../stage.mjs').Stage} stage
 * @param {import('playwright-core').Page} page
 * @param {string} where
 */
async function opened(stage, page, where) {
  const close = async () => {
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  };
  await page.goto(stage.url);
  await page.getByRole('heading', { name: 'perso', level: 3 }).waitFor();
  for (const [key, name] of [
    ['n', 'Add account'],
    ['?', 'Keyboard'],
  ]) {
    await page.keyboard.press(key);
    await page.getByRole('dialog', { name }).waitFor();
    await stage.accessible(page, `${name}, ${where}`);
    await moves(page, `${name}, ${where}`);
    await close();
  }
  for (const entry of ['Edit', 'History', 'Launch in a directory…']) {
    await page.getByRole('button', { name: 'More for later' }).click();
    await stage.accessible(page, `menu, ${where}`);
    await page.getByRole('menuitem', { name: entry }).click();
    await page.getByRole('dialog').waitFor();
    await stage.accessible(page, `${entry}, ${where}`);
    await close();
  }
  await readableTerminals(page.context());
  await page.goto(`${stage.url}/terminal`);
  await page.getByRole('button', { name: 'New session' }).last().click();
  const starting = page.getByRole('dialog', { name: 'New session' });
  await starting.getByLabel('Account').selectOption({ label: 'perso' });
  await stage.accessible(page, `New session, ${where}`);
  await starting.getByRole('button', { name: 'Start' }).click();
  await shows(page, 'claude>');
  await stage.accessible(page, `a terminal, ${where}`);
}
