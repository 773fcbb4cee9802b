// Whatever stands in the vault is shown as text.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../stage.mjs';

const EVIL = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  "'-alert(3)-'",
  '{{constructor.constructor("alert(4)")()}}',
  'javascript:alert(5)',
  '\u202egnp.exe',
];

/** Puts what stands in the list into one column after the other of a table of a database. */
const PLANT = `
import json, sqlite3, sys
plan = json.load(sys.stdin)
database = sqlite3.connect(plan["database"])
for statement, rows in plan["statements"]:
    database.executemany(statement, rows)
database.commit()
`;

/**
 * @param {string} file in the vault's directory
 * @param {[string, unknown[][]][]} statements
 */
function plant(file, statements) {
  const database = `${process.env.HOME}/.claude-accounts/${file}`;
  execFileSync('python3', ['-c', PLANT], { input: JSON.stringify({ database, statements }) });
}

/**
 * A renewal that failed, as the vault remembers it: it is tried again in an hour.
 * @param {string} reason
 */
function failed(reason) {
  const at = Date.now();
  return JSON.stringify({ failures: 1, at, retry_at: at + 3_600_000, reason });
}

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  const [IMAGE, SCRIPT, QUOTE] = EVIL;
  // The command line and the API refuse such names; another program may have written them.
  const login = {
    name: 'made',
    auth_type: 'oauth',
    access_token: 'sk-ant-oat01-FAKE',
    refresh_token: 'sk-ant-ort01-FAKE',
    expires_at: Date.now() + 3_600_000,
    document: { claudeAiOauth: { subscriptionType: IMAGE } },
    identity: { emailAddress: `${SCRIPT}@example.org`, organizationName: IMAGE, displayName: QUOTE },
  };
  stage.run(['import', '-'], JSON.stringify([login]));
  const rows = EVIL.map((name, index) => [`evil-${index}`, name]);
  plant('accounts.db', [
    ["INSERT INTO accounts (id, name, auth_type) VALUES (?, ?, 'oauth')", rows],
    ['UPDATE accounts SET last_used = ?, created_at = ?', [[IMAGE, SCRIPT]]],
    [
      "UPDATE accounts SET refused_reason = ?, refused_expiry = expires_at, refresh_token_enc = 'x' WHERE name = ?",
      [[IMAGE, SCRIPT]],
    ],
    ["UPDATE accounts SET attempt = ? WHERE name = 'made'", [[failed(`${SCRIPT} failed`)]]],
  ]);
  const evil = join(String(process.env.HOME), 'src', IMAGE.replaceAll('/', ''));
  mkdirSync(join(evil, '.git'), { recursive: true });
  await stage.startServer();
  await stage.setUp();
  const { body: all } = await stage.api('GET', '/api/accounts');
  const made = all.find((/** @type {any} */ account) => account.name === 'made');
  const bound = await stage.api('PUT', '/api/directories', { directory: evil, account_id: made.id });
  assert.ok(bound.status < 300, JSON.stringify(bound));
  const named = await stage.api('POST', '/api/auth/tokens', { name: IMAGE, scope: 'read' });
  assert.ok(named.status < 300, JSON.stringify(named));
  const now = Math.floor(Date.now() / 1000);
  plant('dashboard.db', [
    [
      'INSERT INTO audit (at, action, account, detail, address, who) VALUES (?, ?, ?, ?, ?, ?)',
      [[now * 1000, IMAGE, SCRIPT, IMAGE, IMAGE, QUOTE]],
    ],
  ]);
  const context = await stage.newContext({ userAgent: `Mozilla ${IMAGE}` });
  // The file that is refused.
  const page = await stage.signedIn(context, '/', ['400']);
  // From then on, signing in needs it.
  const add = "INSERT INTO passkeys (id, name, host, credential, created_at) VALUES ('evil', ?, 'localhost', '{}', ?)";
  plant('dashboard.db', [[add, [[IMAGE, now * 1000]]]]);
  page.on('dialog', (dialog) => {
    stage.complaints.push(`a script ran: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const isText = async (/** @type {string} */ where) => {
    assert.equal(await page.locator('img[src="x"]').count(), 0, where);
    assert.equal(await page.locator('body script').filter({ hasText: 'alert' }).count(), 0, where);
  };
  for (const path of ['/', '/terminal', '/directories', '/import', '/aliases', '/audit', '/settings']) {
    await page.goto(stage.url + path);
    await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' });
    await page.waitForLoadState('load');
    if (['/directories', '/audit', '/settings'].includes(path)) {
      await page.getByText('<img src=x onerror=alert(1)>', { exact: false }).first().waitFor();
    }
    await isText(path);
  }
  await page.goto(stage.url);
  for (const name of EVIL.slice(0, 5)) await page.getByText(name, { exact: false }).first().waitFor();

  // Its address, its plan, and why it could not be renewed.
  await page.getByText('@example.org').first().waitFor();
  const row = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'made', level: 3 }) });
  await row.getByText(IMAGE, { exact: true }).first().waitFor();
  await row.getByText(`${SCRIPT} failed`).waitFor();

  // What opens for each of them.
  for (const entry of ['Edit', 'History', 'Launch in a directory…']) {
    for (const name of [IMAGE, 'made']) {
      await page.getByRole('button', { name: `More for ${name}`, exact: true }).click();
      await page.getByRole('menuitem', { name: entry }).click();
      const dialog = page.getByRole('dialog');
      await dialog.waitFor();
      if (entry.startsWith('Launch'))
        await dialog
          .getByRole('button', { name: /onerror/ })
          .first()
          .waitFor();
      await isText(`${entry} of ${name}`);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    }
  }

  // Variables: their names are sealed and looked at by every door, so the answer itself is another one.
  await page.route('**/api/accounts', async (route) => {
    const answer = await route.fetch();
    const accounts = await answer.json();
    for (const account of accounts) if (account.name === 'made') account.environment = EVIL;
    await route.fulfill({ response: answer, json: accounts });
  });
  await page.goto(stage.url);
  await page.getByRole('button', { name: 'More for made', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await page.getByRole('textbox', { name: `Value of ${SCRIPT}`, exact: true }).fill('a value');
  await page.getByText(`give the value of ${IMAGE} again`, { exact: false }).waitFor();
  await isText('the variables of made');
  await page.unroute('**/api/accounts');

  // A file with such names, which is refused.
  await page.goto(`${stage.url}/import`);
  const file = EVIL.map((name) => ({ name, auth_type: 'api_key', api_key: 'sk-ant-api03-FAKE' }));
  const data = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], '<img src=x onerror=alert(6)>.json', { type: 'application/json' }));
    return transfer;
  }, JSON.stringify(file));
  await page.getByText('Drop an export here').first().dispatchEvent('drop', { dataTransfer: data });
  await page.getByText(SCRIPT).first().waitFor();
  await isText('what is wrong with the file');

  // A terminal's title is a name too.
  await page.goto(`${stage.url}/terminal`);
  await page.getByRole('button', { name: 'New session' }).last().click();
  const starting = page.getByRole('dialog', { name: 'New session' });
  await starting.getByLabel('Account').selectOption({ label: 'made' });
  await isText('New session');
  await starting.getByRole('button', { name: 'Start' }).click();
  const session = await until('a session', async () => (await stage.api('GET', '/api/sessions')).body[0]);
  await stage.api('PUT', `/api/sessions/${session.id}`, { title: IMAGE });
  await page.getByText(IMAGE).first().waitFor();
  await isText('a terminal');
}
