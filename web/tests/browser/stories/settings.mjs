// Settings: a second factor, API tokens, sign-ins, the password; each shown, used, and taken away.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { PASSWORD } from '../stage.mjs';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * RFC 6238 with what authenticator apps use: SHA-1, six digits, thirty seconds.
 * @param {string} secret in base 32
 * @param {number} later how many steps from now
 */
function totp(secret, later = 0) {
  const bits = [...secret.replaceAll(/[\s=]/g, '')]
    .map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later));
  const digest = createHmac('sha1', key).update(counter).digest();
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  const context = await stage.newContext();
  const page = await stage.signedIn(context, '/settings', ['401', '403']);

  // An API token that may only read.
  await page.getByRole('button', { name: 'Create token' }).first().click();
  const making = page.getByRole('dialog').last();
  await making.getByLabel('Name', { exact: true }).fill('a script');
  await making.getByLabel(/read/i).first().check();
  await making.getByRole('button', { name: 'Create token' }).click();
  const token = (await page.getByRole('group', { name: 'Your new API token' }).innerText()).trim();
  const ask = (/** @type {string} */ method, /** @type {string} */ path) =>
    fetch(stage.url + path, { method, headers: { 'X-Auth-Token': token } });
  assert.equal((await ask('GET', '/api/accounts')).status, 200);
  assert.equal((await ask('GET', '/api/export')).status, 403);
  await page.getByLabel('I have saved it').check();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'Revoke a script' }).click();
  await page.getByText('a script was revoked').waitFor();
  assert.equal((await ask('GET', '/api/accounts')).status, 401);

  // A second factor, by an authenticator app.
  await page.getByRole('button', { name: 'Set up' }).first().click();
  const dialog = page.getByRole('dialog').last();
  await dialog.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
  const secret = (await dialog.locator('code').allInnerTexts())
    .map((text) => text.replaceAll(/\s/g, ''))
    .find((text) => /^[A-Z2-7]{16,}$/.test(text));
  assert.ok(secret, 'the secret is not shown');
  await dialog.getByLabel('Code that the app shows').fill(totp(secret));
  await dialog.getByRole('button', { name: 'Switch on' }).click();
  const codes = (await page.getByRole('group', { name: 'Recovery codes' }).innerText()).trim().split(/\s+/);
  assert.equal(codes.length, 10);
  await page.getByLabel('I have saved them').check();
  await page.getByRole('button', { name: 'Done' }).click();

  // Another browser needs it; a code counts once.
  const other = await stage.newContext();
  const signing = await stage.newPage(other, ['401']);
  await signing.goto(stage.url);
  await signing.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await signing.getByRole('button', { name: 'Sign in' }).click();
  await signing.getByRole('heading', { name: 'Second factor' }).waitFor();
  await signing.getByLabel('Recovery code', { exact: true }).first().check();
  await signing.getByRole('textbox', { name: 'Recovery code' }).fill(codes[0]);
  await signing.getByRole('button', { name: 'Sign in' }).click();
  await signing.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
  const again = await fetch(`${stage.url}/api/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ password: PASSWORD, recovery_code: codes[0] }),
  });
  assert.equal(again.status, 401, 'a recovery code counts twice');

  // A sign-in is ended from another browser; that one says so by itself.
  const lent = await stage.newContext({ userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0' });
  const there = await stage.newPage(lent, ['401']);
  await there.goto(stage.url);
  await there.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await there.getByRole('button', { name: 'Sign in' }).click();
  await there.getByRole('heading', { name: 'Second factor' }).waitFor();
  await there.getByLabel('Recovery code', { exact: true }).first().check();
  await there.getByRole('textbox', { name: 'Recovery code' }).fill(codes[1]);
  await there.getByRole('button', { name: 'Sign in' }).click();
  await there.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
  await page.reload();
  await page.getByRole('button', { name: 'End the sign-in of Firefox 140 · Linux' }).click();
  await page.getByText('The sign-in has ended').waitFor();
  await there.getByRole('heading', { name: 'Sign in' }).waitFor();
  await signing.reload();
  await signing.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();

  // A new password ends the other one's sign-in, there and then.
  await page.reload();
  await page.getByRole('button', { name: 'Change password' }).click();
  const changing = page.getByRole('dialog', { name: 'Change password' });
  await changing.getByLabel('Current password').fill(PASSWORD);
  await changing.getByLabel('New password').fill('another long password of mine');
  await changing.getByLabel('The same again').fill('another long password of mine');
  await changing.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('The password was changed').waitFor();
  await signing.getByRole('heading', { name: 'Sign in' }).waitFor();

  // Light, dark, and another language, kept in this browser.
  await page.getByLabel('Dark').check();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await page.getByLabel('Language').first().selectOption({ label: 'Français' });
  await page.getByRole('heading', { level: 1, name: /Réglages|Paramètres/ }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'fr');

  // Whoever's browser speaks Chinese is spoken to in Chinese, by the server too.
  const chinese = await stage.newContext({ locale: 'zh-CN' });
  const greeted = await stage.newPage(chinese, ['401']);
  await greeted.goto(stage.url);
  await greeted.getByRole('heading', { name: '登录' }).waitFor();
  assert.equal(await greeted.evaluate(() => document.documentElement.lang), 'zh-Hans');
  await greeted.locator('input[type="password"]').fill('not the password');
  await greeted.keyboard.press('Enter');
  await greeted.getByText('密码错误').waitFor();
}
