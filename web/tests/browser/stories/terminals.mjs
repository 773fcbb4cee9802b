// Terminals as a workplace: a directory is picked, panes are split, sessions are named, searched, shared and ended.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../stage.mjs';
import { choose, readableTerminals, shows, type } from '../words.mjs';

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  const project = join(String(process.env.HOME), 'src', 'project');
  mkdirSync(join(project, '.git'), { recursive: true });
  await stage.startServer();
  await stage.setUp();
  await stage.api('POST', '/api/accounts', { name: 'perso', api_key: 'sk-ant-api03-FAKE-perso' });
  await stage.api('POST', '/api/accounts', { name: 'work', api_key: 'sk-ant-api03-FAKE-work' });
  const context = await stage.newContext();
  await readableTerminals(context);
  const page = await stage.signedIn(context);
  const sessions = async () => (await stage.api('GET', '/api/sessions')).body;

  await choose(page, 'perso', 'Launch in a directory…');
  const picker = page.getByRole('dialog');
  await picker
    .getByRole('button', { name: /project/ })
    .first()
    .click();
  await picker.getByRole('button', { name: 'Choose this directory' }).click();
  await shows(page, 'claude>');
  await type(page, 'pwd\r');
  await shows(page, project);
  assert.equal((await sessions())[0].cwd, project);

  // A second pane beside it, with another account.
  await page.getByRole('button', { name: 'Split: new pane to the right' }).first().click();
  await page.getByRole('button', { name: 'New session' }).last().click();
  const starting = page.getByRole('dialog', { name: 'New session' });
  await starting.getByLabel('Account').selectOption({ label: 'work' });
  await starting.getByRole('button', { name: 'Start' }).click();
  await shows(page, 'claude>', 1);
  await type(page, 'echo "key $ANTHROPIC_API_KEY"\r', 1);
  await shows(page, 'key sk-ant-api03-FAKE-work', 1);
  await type(page, 'echo le$((0))ft\r', 0);
  await shows(page, 'le0ft', 0);

  // Searched: what it has shown is counted.
  await page.getByRole('button', { name: 'Search in the terminal' }).first().click();
  const searching = page.getByRole('search').first();
  await searching.getByRole('searchbox').fill('le0ft');
  await searching.getByText(/^1 of \d+$/).waitFor();
  await searching.getByRole('searchbox').fill('never shown');
  await searching.getByText('no match').waitFor();
  await page.keyboard.press('Escape');
  await searching.waitFor({ state: 'detached' });

  // Shared: whoever has the link looks on without signing in, until the session ends.
  await page
    .getByRole('button', { name: /^Menu of perso/ })
    .first()
    .click();
  await page.getByRole('menuitem', { name: 'Share read-only link' }).click();
  const sharing = page.getByRole('dialog', { name: 'Share read-only link' });
  await sharing.getByLabel('Ends after').selectOption({ label: '15 minutes' });
  await sharing.getByRole('button', { name: 'Make link' }).click();
  const link = await sharing.locator('code').innerText();
  await sharing.getByRole('button', { name: 'Done' }).click();
  const stranger = await stage.newContext();
  await readableTerminals(stranger);
  const watching = await stage.newPage(stranger);
  await watching.goto(link);
  await shows(watching, 'le0ft');
  await stage.accessible(watching, 'a shared terminal');
  await stranger.close();

  // Named, and ended; what was on the screen stays to be read.
  const menu = page.getByRole('button', { name: 'Menu of work' }).first();
  await menu.click();
  await page.getByRole('menuitem', { name: 'Rename' }).click();
  const naming = page.getByRole('dialog').last();
  await naming.getByLabel('Name', { exact: true }).fill('tests & <builds>');
  await naming.getByRole('button', { name: /Rename|Save/ }).click();
  await page.getByText('tests & <builds>').first().waitFor();
  await page.getByRole('button', { name: 'Menu of tests & <builds>' }).first().click();
  await page.getByRole('menuitem', { name: 'End session' }).click();
  await page.getByRole('dialog').last().getByRole('button', { name: 'End session' }).click();
  await until('the end', async () => (await sessions()).some((/** @type {any} */ each) => each.ended_at !== null));
  await shows(page, 'key sk-ant-api03-FAKE-work', 1);
  const running = async () => (await sessions()).filter((/** @type {any} */ each) => each.ended_at === null).length;
  assert.equal(await running(), 1);

  // Recorded from its beginning, if that is wanted, and downloaded.
  await page.getByRole('button', { name: 'New session' }).first().click();
  const recorded = page.getByRole('dialog', { name: 'New session' });
  await recorded.getByLabel('Record what the terminal shows').check();
  await recorded.getByRole('button', { name: 'Start' }).click();
  const session = await until('a session that is recorded', async () =>
    (await sessions()).find((/** @type {any} */ each) => each.recording),
  );
  const pane = (await page.locator('.xterm').filter({ visible: true }).count()) - 1;
  await shows(page, 'claude>', pane);
  await type(page, 'echo re$((0))corded\r', pane);
  await shows(page, 're0corded', pane);
  await stage.api('PUT', `/api/sessions/${session.id}`, { title: 'kept' });
  await page.getByRole('button', { name: 'Menu of kept' }).first().click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: 'Download recording' }).click(),
  ]);
  const lines = readFileSync(await download.path(), 'utf8')
    .trimEnd()
    .split('\n');
  assert.equal(JSON.parse(lines[0]).version, 2, lines[0]);
  const output = lines.slice(1).map((line) => JSON.parse(line)[2]);
  assert.ok(output.join('').includes('re0corded'), output.join(''));
  await stage.api('DELETE', `/api/sessions/${session.id}`);
  await until('its end', async () => (await running()) === 1);

  // A link from elsewhere asks; it starts nothing by itself.
  const work = (await stage.api('GET', '/api/accounts')).body.find((/** @type {any} */ each) => each.name === 'work');
  await page.goto(`${stage.url}/terminal?account=${work.id}`);
  const asked = page.getByRole('dialog', { name: 'New session' });
  await asked.getByRole('button', { name: 'Start' }).waitFor();
  assert.equal(await asked.getByLabel('Account').inputValue(), String(work.id));
  assert.equal(new URL(page.url()).search, '');
  assert.equal(await running(), 1);
  await asked.getByRole('button', { name: 'Start' }).click();
  await until('another session', async () => (await running()) === 2);
}
