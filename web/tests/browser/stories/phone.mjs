// On a phone: every screen fits 360 pixels, and a terminal can be used by touch.

import assert from 'node:assert/strict';
import { readableTerminals, shows } from '../words.mjs';

const SCREENS = ['/', '/terminal', '/directories', '/import', '/aliases', '/audit', '/settings'];

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  await stage.api('POST', '/api/accounts', {
    name: 'a-name-that-is-as-long-as-names-may-be-0123456789-0123456789-0123',
    api_key: 'sk-ant-api03-FAKE',
  });
  await stage.api('POST', '/api/accounts', { name: 'perso', api_key: 'sk-ant-api03-FAKE' });
  const context = await stage.newContext({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await readableTerminals(context);
  const page = await stage.signedIn(context);
  for (const path of SCREENS) {
    await page.goto(stage.url + path);
    await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${path} is ${width} pixels wide`);
  }
  await page.goto(stage.url);
  await page.getByRole('button', { name: 'Launch perso' }).tap();
  await shows(page, 'claude>');
  await page.locator('.xterm-helper-textarea').first().focus();
  await page.keyboard.type('sleep 1000\r');
  await shows(page, 'sleep 1000');
  await page.getByRole('button', { name: /^Ctrl/ }).tap();
  await page.locator('.xterm-helper-textarea').first().focus();
  await page.keyboard.type('c');
  await page.keyboard.type('echo ph$((1))ne\r');
  await shows(page, 'ph1ne');
}
