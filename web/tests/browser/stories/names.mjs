// Whatever stands in the vault is shown as text.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

const EVIL = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  "'-alert(3)-'",
  '{{constructor.constructor("alert(4)")()}}',
  'javascript:alert(5)',
  '\u202egnp.exe',
];

const INSERT = `
import json, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.executemany("INSERT INTO accounts (id, name, auth_type) VALUES (?, ?, 'oauth')", json.load(sys.stdin))
database.commit()
`;

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  // The command line and the API refuse such names; another program may have written them.
  stage.run(['import', '-'], JSON.stringify([{ name: 'made', auth_type: 'api_key', api_key: 'sk-ant-api03-FAKE' }]));
  const rows = EVIL.map((name, index) => [`evil-${index}`, name]);
  execFileSync('python3', ['-c', INSERT, `${process.env.HOME}/.claude-accounts/accounts.db`], {
    input: JSON.stringify(rows),
  });
  await stage.startServer();
  await stage.setUp();
  const context = await stage.newContext();
  const page = await stage.signedIn(context);
  page.on('dialog', (dialog) => {
    stage.complaints.push(`a script ran: ${dialog.message()}`);
    void dialog.dismiss();
  });
  for (const path of ['/', '/terminal', '/directories', '/import', '/aliases', '/audit', '/settings']) {
    await page.goto(stage.url + path);
    await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
    assert.equal(await page.locator('img[src="x"]').count(), 0, path);
  }
  await page.goto(stage.url);
  for (const name of EVIL.slice(0, 5)) await page.getByText(name, { exact: false }).first().waitFor();
  // The title of a terminal is a name too.
  const { body: all } = await stage.api('GET', '/api/accounts');
  const made = all.find((/** @type {any} */ account) => account.name === 'made');
  assert.ok(made);
}
