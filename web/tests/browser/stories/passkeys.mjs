// A passkey as second factor, with an authenticator that the browser makes up.

import { PASSWORD } from '../stage.mjs';

/** @param {import('../stage.mjs').Stage} stage */
export default async function story(stage) {
  await stage.startServer();
  await stage.setUp();
  const context = await stage.newContext();
  const page = await stage.signedIn(context, '/settings', ['401']);
  const debug = await context.newCDPSession(page);
  await debug.send('WebAuthn.enable');
  await debug.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });

  await page.getByRole('button', { name: 'Add passkey' }).first().click();
  const dialog = page.getByRole('dialog').last();
  await dialog.getByLabel('Name', { exact: true }).fill('blue key');
  await dialog.getByRole('button', { name: 'Add passkey' }).click();
  await page.getByLabel('I have saved them').check();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByText('blue key').first().waitFor();

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Second factor' }).waitFor();
  await page.getByRole('button', { name: 'Use passkey' }).click();
  await page.getByRole('heading', { name: 'Accounts', level: 1 }).waitFor();
  await page.getByRole('link', { name: 'Settings' }).click();

  await page.getByRole('button', { name: 'Remove blue key' }).click();
  await page.getByText('blue key was removed').waitFor();
}
