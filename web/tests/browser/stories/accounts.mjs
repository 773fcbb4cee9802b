// Accounts: added, searched for, changed, removed and brought back, and what the command line says of it.

import assert from 'node:assert/strict';
import { until } from '../stage.mjs';
import { accounts, addKey, choose } from '../words.mjs';

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  const context = await stage.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await stage.signedIn(context);

  await addKey(page, 'perso');
  await addKey(page, 'work');
  await page.getByRole('heading', { name: 'work', level: 3 }).waitFor();

  // What the command line does shows up by itself.
  stage.run(['add', 'from-the-shell', '--key-stdin'], 'sk-ant-api03-FAKE-from-the-shell');
  await page.getByRole('heading', { name: 'from-the-shell' }).waitFor();
  stage.run(['remove', 'from-the-shell', '--yes']);
  await page.getByRole('heading', { name: 'from-the-shell' }).waitFor({ state: 'detached' });

  // What can be done with an account is seen without a mouse over it.
  await page.mouse.move(0, 0);
  const menu = page.getByRole('button', { name: 'More for work' });
  const isSeen = await menu.evaluate((button) =>
    button.checkVisibility({ opacityProperty: true, visibilityProperty: true }),
  );
  assert.ok(isSeen, 'the menu of an account shows only under the mouse');

  // The search box keeps the focus at each key.
  await page.keyboard.press('/');
  for (const letter of 'wor') await page.keyboard.press(letter);
  const search = page.getByRole('searchbox', { name: 'Search accounts' });
  assert.equal(await search.inputValue(), 'wor');
  assert.ok(await search.evaluate((box) => box === document.activeElement), 'the search box lost the focus');
  await page.getByRole('heading', { name: 'perso', level: 3 }).waitFor({ state: 'detached' });
  await search.fill('');

  // A change writes what was changed and nothing else.
  const before = (await accounts(stage)).work;
  await choose(page, 'work', 'Edit…');
  const dialog = page.getByRole('dialog', { name: 'Edit work' });
  await dialog.getByLabel('Name', { exact: true }).fill('office');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'office', level: 3 }).waitFor();
  const after = (await accounts(stage)).office;
  assert.deepEqual({ ...after, name: 'work' }, before);

  await choose(page, 'office', 'Make default');
  await until('the default', async () => (await accounts(stage)).office.default);

  // The command launches by an absolute path and holds no credential.
  await choose(page, 'office', 'Copy command');
  await page.getByText('Command copied').waitFor();
  const command = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(command, /^\S*\/claude-accounts .*launch .*office/);
  assert.ok(!command.includes('sk-ant'), command);
  assert.equal((await accounts(stage)).office.last_used, null, 'a look counts as use');

  // Removed, and brought back with everything.
  const removed = (await accounts(stage)).office;
  await choose(page, 'office', 'Delete');
  await page.getByText('office was deleted').waitFor();
  assert.equal((await accounts(stage)).office, undefined);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('heading', { name: 'office', level: 3 }).waitFor();
  assert.deepEqual((await accounts(stage)).office, removed);

  // Bound to a directory, by the page; the command line knows.
  await page.goto(`${stage.url}/directories`);
  await page.getByRole('button', { name: 'Bind a directory' }).first().click();
  const bind = page.getByRole('dialog');
  await bind.getByLabel('Directory', { exact: true }).fill(String(process.env.HOME));
  await bind.getByLabel('Account').selectOption({ label: 'perso' });
  await bind.getByRole('button', { name: 'Bind a directory' }).click();
  await until('the binding', () => stage.run(['list', '--json']).includes(String(process.env.HOME)));

  // Aliases: shown and installed, without a credential.
  await page.goto(`${stage.url}/aliases`);
  await page.getByText('claude-perso').first().waitFor();
  assert.ok(!(await page.content()).includes('sk-ant'));
  await page.getByRole('button', { name: 'Install aliases' }).click();
  await page
    .getByText(/2 aliases installed/)
    .first()
    .waitFor();

  await page.goto(`${stage.url}/audit`);
  await page.getByText('account removed').first().waitFor();
  await page.getByText('account restored').first().waitFor();
}
