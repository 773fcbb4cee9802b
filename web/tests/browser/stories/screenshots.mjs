// Not a test: every screen, as the README and docs show it. `node run.mjs screenshots DIRECTORY`; `cargo xtask screenshots`.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readableTerminals, shows, type } from '../words.mjs';

const HOURS = 60 * 60 * 1000;

/** What a terminal shows: nothing of the machine that the pictures are taken on. */
const SESSION = `\u001b[1;33m●\u001b[0m The checkout rounds twice. I will make it round once, at the end.

\u001b[32m●\u001b[0m \u001b[1mUpdate\u001b[0m(src/checkout.rs)
  \u001b[2m└  2 lines changed\u001b[0m
     41 \u001b[31m-    let net = round(price * quantity);\u001b[0m
     41 \u001b[32m+    let net = price * quantity;\u001b[0m
     44 \u001b[32m+    round(net + tax)\u001b[0m

\u001b[32m●\u001b[0m \u001b[1mBash\u001b[0m(cargo test)
  \u001b[2m└  running 48 tests … ok\u001b[0m

\u001b[1;33m●\u001b[0m All 48 tests pass.
`;

/**
 * @param {import('../stage.mjs').Stage} stage
 * @param {string} directory
 */
export default async function screenshots(stage, directory) {
  const picture = (/** @type {import('playwright-core').Page} */ page, /** @type {string} */ name) =>
    page.screenshot({ path: join(directory, `${name}.png`), animations: 'disabled' });
  const project = join(String(process.env.HOME), 'src', 'shop');
  mkdirSync(join(project, '.git'), { recursive: true });
  writeFileSync(join(String(process.env.HOME), 'session'), SESSION);
  await stage.startServer();
  const first = await stage.newContext();
  const page = await stage.newPage(first, ['401']);
  await page.goto(stage.url);
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  await picture(page, 'setup');
  await stage.setUp();
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await picture(page, 'sign-in');
  await first.close();
  await furnish(stage, project);

  const context = await stage.newContext();
  const signed = await stage.signedIn(context);
  await signed.getByRole('heading', { name: 'client', level: 3 }).waitFor();
  await picture(signed, 'accounts');
  await signed.getByRole('button', { name: 'More for work' }).click();
  await signed.getByRole('menu').waitFor();
  await picture(signed, 'account-menu');
  await signed.getByRole('menuitem', { name: 'History' }).click();
  await signed.getByRole('dialog').getByRole('img').first().waitFor();
  await picture(signed, 'history');
  await signed.keyboard.press('Escape');
  for (const name of ['directories', 'import', 'aliases', 'audit', 'settings']) {
    await signed.goto(`${stage.url}/${name}`);
    await signed.getByRole('heading', { level: 1 }).first().waitFor();
    await signed.waitForLoadState('networkidle').catch(() => null);
    await picture(signed, name);
  }

  const dark = await stage.newContext({ colorScheme: 'dark' });
  await readableTerminals(dark);
  const terminal = await stage.signedIn(dark, '/?');
  await terminal.getByRole('button', { name: 'Launch perso' }).click();
  await shows(terminal, 'claude>');
  await type(terminal, 'clear; cat ~/session; sleep 1000\r');
  await shows(terminal, 'tests pass');
  await terminal.getByRole('button', { name: 'Split: new pane to the right' }).first().click();
  await terminal.getByRole('button', { name: 'New session' }).last().click();
  await terminal.getByRole('dialog').getByRole('button', { name: 'Start' }).click();
  await shows(terminal, 'claude>', 1);
  await picture(terminal, 'terminal');
  await terminal
    .getByRole('button', { name: /^Menu of perso/ })
    .first()
    .click();
  await terminal.getByRole('menuitem', { name: 'Share read-only link' }).click();
  const sharing = terminal.getByRole('dialog', { name: 'Share read-only link' });
  await sharing.getByRole('button', { name: 'Make link' }).click();
  const link = await sharing.locator('code').innerText();
  await sharing.getByRole('button', { name: 'Done' }).click();
  const stranger = await stage.newContext({ viewport: { width: 800, height: 500 } });
  await readableTerminals(stranger);
  const watching = await stage.newPage(stranger);
  await watching.goto(link);
  await shows(watching, 'tests pass');
  await picture(watching, 'watch');
  await terminal.goto(stage.url);
  await terminal.getByRole('heading', { name: 'client', level: 3 }).waitFor();
  await picture(terminal, 'accounts-dark');

  const phone = await stage.newContext({
    viewport: { width: 360, height: 740 },
    hasTouch: true,
    isMobile: true,
    deviceScaleFactor: 2,
  });
  const small = await stage.signedIn(phone);
  await small.getByRole('heading', { name: 'perso', level: 3 }).waitFor();
  await picture(small, 'phone');
}

/**
 * Accounts of every kind and state.
 * @param {import('../stage.mjs').Stage} stage
 * @param {string} project
 */
async function furnish(stage, project) {
  const login = (/** @type {string} */ name, /** @type {number} */ left) => ({
    name,
    auth_type: 'oauth',
    access_token: `sk-ant-oat01-FAKE-${name}-k001`,
    refresh_token: `sk-ant-ort01-FAKE-${name}-k001`,
    expires_at: Date.now() + left,
  });
  await stage.api('POST', '/api/accounts', { name: 'perso', api_key: 'sk-ant-api03-FAKE-perso-abcdefghijklmnop' });
  await stage.api('POST', '/api/accounts', login('work', 7.8 * HOURS));
  await stage.api('POST', '/api/accounts', login('client', 2.4 * HOURS));
  await stage.api('POST', '/api/accounts', {
    name: 'gateway',
    api_key: 'sk-ant-api03-FAKE-gateway-abcdefghijqrst',
    environment: { ANTHROPIC_BASE_URL: 'https://gateway.example' },
  });
  await stage.api('POST', '/api/accounts', { name: 'later', auth_type: 'oauth' });
  const { body: all } = await stage.api('GET', '/api/accounts');
  const id = (/** @type {string} */ name) => all.find((/** @type {any} */ account) => account.name === name).id;
  await stage.api('PUT', `/api/accounts/${id('work')}`, { default: true });
  await stage.api('PUT', '/api/directories', { directory: project, account_id: id('client') });
}
