// A flood of output: what has passed is gone from the page's memory, and Ctrl-C is heard in the middle of it.
// `node run.mjs flood MEGABYTES` for more than the tests have time for.

import assert from 'node:assert/strict';
import { until } from '../stage.mjs';
import { readableTerminals, screen, shows, type } from '../words.mjs';

const MEGABYTE = 1024 * 1024;
/** What the page may have more than before, in bytes: its scrollback, and what is on its way. */
const MOST = 48 * MEGABYTE;

/**
 * @param {import('../stage.mjs').Stage} stage
 * @param {string} [megabytes] how many pass
 */
export default async function story(stage, megabytes = '96') {
  await stage.startServer();
  await stage.setUp();
  await stage.api('POST', '/api/accounts', { name: 'perso', api_key: 'sk-ant-api03-FAKE-perso' });
  const context = await stage.newContext();
  await readableTerminals(context);
  const page = await stage.signedIn(context);
  await page.getByRole('button', { name: 'Launch perso' }).click();
  await shows(page, 'claude>');
  const client = await context.newCDPSession(page);
  const used = async () => {
    await client.send('HeapProfiler.collectGarbage');
    return (await client.send('Runtime.getHeapUsage')).usedSize;
  };
  const before = await used();
  let most = 0;
  let looks = 0;
  const size = Number(megabytes) * MEGABYTE;
  await type(page, `yes 'the quick brown fox jumps over the lazy dog' | head -c ${size}; echo; echo al$((1))l\r`);
  const deadline = Date.now() + Math.max(60_000, Number(megabytes) * 2000);
  for (;;) {
    most = Math.max(most, (await used()) - before);
    looks += 1;
    if ((await screen(page)).includes('al1l')) break;
    assert.ok(Date.now() < deadline, `not all of ${megabytes} MB came`);
  }
  assert.ok(looks > 2, `looked at ${looks} times: too little passed`);
  assert.ok(most < MOST, `${most} bytes more than before, of ${size} that passed`);

  // Endless, and ended by a key.
  await type(page, 'yes\r');
  await until(
    'the flood',
    async () => (await page.locator('.xterm-accessibility-tree > div').first().innerText()) === 'y',
  );
  await page.evaluate(timeControlC);
  await page.keyboard.press('Control+c');
  await shows(page, '^C');
  await shows(page, 'claude>');
  const took = Math.round(await page.evaluate('controlC'));
  console.log(`${megabytes} MB: at most ${(most / MEGABYTE).toFixed(1)} MiB more; Ctrl-C shown after ${took} ms`);
}

/** In the page, since asking a busy one from outside takes longer than what is measured: from the key until it is shown. */
function timeControlC() {
  const tree = document.querySelector('.xterm-accessibility-tree');
  if (!tree) throw new Error('no readable terminal');
  Object.assign(window, {
    controlC: new Promise((resolve) => {
      let pressed = Number.POSITIVE_INFINITY;
      const press = (/** @type {KeyboardEvent} */ { key }) => {
        if (key === 'c') pressed = performance.now();
      };
      addEventListener('keydown', press, { capture: true });
      const look = () => tree.textContent?.includes('^C') && resolve(performance.now() - pressed);
      new MutationObserver(look).observe(tree, { childList: true, characterData: true, subtree: true });
    }),
  });
}
