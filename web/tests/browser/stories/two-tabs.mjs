// Two tabs and a stranger look at one terminal; a closed window does not end it.

import assert from 'node:assert/strict';
import { until } from '../stage.mjs';
import { readableTerminals, screen, shows, type } from '../words.mjs';

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  await stage.api('POST', '/api/accounts', { name: 'perso', api_key: 'sk-ant-api03-FAKE-perso' });
  const context = await stage.newContext();
  await readableTerminals(context);
  const first = await stage.signedIn(context);
  await first.getByRole('button', { name: 'Launch perso' }).click();
  await shows(first, 'claude>');

  const second = await stage.signedIn(context, '/terminal');
  await second.getByRole('button', { name: /perso/ }).first().click();
  await shows(second, 'claude>');
  await type(first, 'echo from-$((1))-the-first\r');
  await shows(second, 'from-1-the-first');
  await type(second, 'echo from-$((2))-the-second\r');
  await shows(first, 'from-2-the-second');

  // A read-only link: looks on without signing in, and cannot type.
  const { body: sessions } = await stage.api('GET', '/api/sessions');
  const { status, body: link } = await stage.api('POST', `/api/sessions/${sessions[0].id}/links`, { minutes: 5 });
  assert.equal(status, 201, JSON.stringify(link));
  const stranger = await stage.newContext();
  await readableTerminals(stranger);
  const watching = await stage.newPage(stranger);
  await watching.goto(stage.url + link.url);
  await shows(watching, 'from-2-the-second');
  await type(watching, 'echo intr$((0))uder\r');
  await type(first, 'echo bar$((0))rier\r');
  await shows(watching, 'bar0rier');
  assert.ok(!(await screen(first)).includes('intr0uder'), 'a watcher typed');

  // Everybody leaves, it goes on, and the screen comes back as it was.
  await type(first, 'for n in 1 2 3; do echo left-$n; done; echo done-$((9))\r');
  await shows(first, 'done-9');
  await until('the same screens', async () => (await screen(first)) === (await screen(second)));
  await first.close();
  await second.close();
  await watching.close();
  const back = await stage.signedIn(context, '/terminal');
  await back.getByRole('button', { name: /perso/ }).first().click();
  await shows(back, 'done-9');
  await type(back, 'echo still-$((5))-here\r');
  await shows(back, 'still-5-here');
  const { body: left } = await stage.api('GET', '/api/sessions');
  assert.equal(left.length, 1, 'a second one was started');
}
