// axe finds nothing wrong on any screen, in light and dark, at the desk and on a phone.

import { PASSWORD } from '../stage.mjs';

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
      await context.close();
    }
  }
}
