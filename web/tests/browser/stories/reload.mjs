// Reloaded in the middle of output, the page shows the same, and nothing is started twice.

import assert from 'node:assert/strict';
import { readableTerminals, screen, shows, type } from '../words.mjs';

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  await stage.api('POST', '/api/accounts', { name: 'perso', api_key: 'sk-ant-api03-FAKE-perso' });
  const context = await stage.newContext();
  await readableTerminals(context);
  const page = await stage.signedIn(context);
  await page.getByRole('button', { name: 'Launch perso' }).click();
  await shows(page, 'claude>');

  // Colours, characters of several bytes, and lines without end: until a key is pressed.
  // Written as bytes: no keyboard has these characters. `read -t 0` takes nothing: a `read` that is out of time may have.
  await type(
    page,
    "i=0; while ! read -t 0; do i=$((i+1)); printf '\\033[32m%08d\\033[0m \\342\\234\\223\\303\\251\\n' $i; sleep 0.01; done; read x; echo stop-$((7))\r",
  );
  await shows(page, ' ✓é');
  // In one step: the next output puts other cells in the place of these.
  await page.waitForFunction(() => {
    const cell = document.querySelector('.xterm-rows .xterm-fg-2');
    return cell?.parentElement && getComputedStyle(cell).color !== getComputedStyle(cell.parentElement).color;
  });
  for (let round = 0; round < 3; round += 1) {
    await page.reload();
    await shows(page, '✓é');
  }
  await type(page, '\r');
  await shows(page, 'stop-7');
  const seen = await screen(page);
  const numbers = [...seen.matchAll(/^(\d{8}) ✓é$/gm)].map((match) => Number(match[1]));
  assert.ok(numbers.length > 3, seen);
  numbers.forEach((number, index) => {
    assert.equal(number, numbers[0] + index, `lines are missing:\n${seen}`);
  });
  await page.reload();
  await shows(page, 'stop-7');
  assert.equal(await screen(page), seen, 'the screen came back differently');
  const { body: sessions } = await stage.api('GET', '/api/sessions');
  assert.equal(sessions.length, 1);

  // A flood, and Ctrl-C.
  await type(page, 'yes the quick brown fox\r');
  await shows(page, 'quick brown fox');
  await page.keyboard.press('Control+c');
  await type(page, 'echo cal$((1))m\r');
  await shows(page, 'cal1m');

  // A megabyte pasted, whole and in order.
  const text = `${Array.from({ length: 30_000 }, (_, line) => `line ${line} of what was pasted, é✓`).join('\n')}\n`;
  assert.ok(text.length > 1_000_000);
  await type(page, 'stty -echo; wc -lm; stty echo; echo count$((1))ed\r');
  await page.evaluate((pasted) => {
    const data = new DataTransfer();
    data.setData('text/plain', pasted);
    document
      .querySelector('.xterm-helper-textarea')
      ?.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
  }, text);
  await page.keyboard.press('Control+d');
  await shows(page, 'count1ed');
  assert.match(await screen(page), new RegExp(`30000\\s+${[...text].length}`));
}
