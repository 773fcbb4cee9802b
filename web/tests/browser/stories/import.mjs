// Import shows what would change before it changes anything; export asks for the password when that was long ago.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PASSWORD } from '../stage.mjs';
import { accounts } from '../words.mjs';

const FILE = [
  { name: 'perso', auth_type: 'api_key', api_key: 'sk-ant-api03-FAKE-another-one' },
  { name: 'new', auth_type: 'api_key', api_key: 'sk-ant-api03-FAKE-new' },
];

/** No sign-in is fresh any more. */
const LATER = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("UPDATE sign_ins SET fresh_until = 0")
database.commit()
`;

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  await stage.api('POST', '/api/accounts', { name: 'perso', api_key: 'sk-ant-api03-FAKE-the-first' });
  const context = await stage.newContext();
  const page = await stage.signedIn(context, '/import', ['401', '403']);
  const before = await accounts(stage);

  // Dropped onto the page.
  const data = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], 'accounts.json', { type: 'application/json' }));
    return transfer;
  }, JSON.stringify(FILE));
  await page.getByText('Drop an export here').first().dispatchEvent('drop', { dataTransfer: data });
  await page.getByText('What would change').waitFor();
  await page.getByText('skipped').first().waitFor();
  assert.deepEqual(await accounts(stage), before, 'the preview changed something');
  await page.getByLabel('Rename').check();
  await page.getByText('added under another name').first().waitFor();
  await page.getByRole('button', { name: 'Import 2 accounts' }).click();
  await page.getByText('2 accounts imported').first().waitFor();
  const after = await accounts(stage);
  assert.equal(Object.keys(after).length, 3);
  assert.deepEqual(after.perso, before.perso);

  // That was long ago.
  execFileSync('python3', ['-c', LATER, `${process.env.HOME}/.claude-accounts/dashboard.db`]);
  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Export 3 accounts/ }).click();
  const question = page.getByRole('dialog');
  await question.getByLabel('Password', { exact: true }).fill(`not ${PASSWORD}`);
  await question.getByRole('button', { name: 'Confirm' }).click();
  await question
    .getByText(/wrong|not right|incorrect/i)
    .first()
    .waitFor();
  await question.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await question.getByRole('button', { name: 'Confirm' }).click();
  const file = await (await downloading).path();
  const exported = JSON.parse(readFileSync(file, 'utf8'));
  assert.deepEqual(exported.map((/** @type {any} */ entry) => entry.api_key).sort(), [
    'sk-ant-api03-FAKE-another-one',
    'sk-ant-api03-FAKE-new',
    'sk-ant-api03-FAKE-the-first',
  ]);
}
