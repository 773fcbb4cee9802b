// The server goes and comes back: the page says so, and goes on by itself.

import assert from 'node:assert/strict';
import { readableTerminals, shows } from '../words.mjs';

/** What a browser says of a server that is away. */
const AWAY = [
  'ERR_CONNECTION_REFUSED',
  'ERR_EMPTY_RESPONSE',
  'ERR_CONNECTION_RESET',
  'ERR_INCOMPLETE_CHUNKED_ENCODING',
  'WebSocket',
  '404',
];

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  await stage.api('POST', '/api/accounts', { name: 'perso', api_key: 'sk-ant-api03-FAKE-perso' });
  const context = await stage.newContext();
  await readableTerminals(context);
  const page = await stage.signedIn(context, '/', AWAY);
  const terminal = await stage.signedIn(context, '/', AWAY);
  await terminal.getByRole('button', { name: 'Launch perso' }).click();
  await shows(terminal, 'claude>');

  await stage.stopServer();
  await page.getByText('The server does not answer.').waitFor();
  stage.run(['add', 'meanwhile', '--key-stdin'], 'sk-ant-api03-FAKE-meanwhile');
  await stage.startServer();
  await page.getByText('The server does not answer.').waitFor({ state: 'detached' });
  await page.getByRole('heading', { name: 'meanwhile', level: 3 }).waitFor();

  // Still signed in; its terminals have ended, and none was started instead.
  const { body: sessions } = await stage.api('GET', '/api/sessions');
  assert.deepEqual(sessions, []);
  await terminal.goto(`${stage.url}/terminal`);
  await terminal.getByText('No terminal open').first().waitFor();
}
