// Reads what somebody drops on the import. Pure; the server judges what is in it.

/**
 * The accounts of a dropped text, or the key of what is wrong with it.
 * @param {string} text
 * @returns {{accounts: object[]} | {problem: 'encrypted'|'not_json'|'login'|'no_accounts'}}
 */
export function readAccounts(text) {
  if (text.startsWith('age-encryption.org/') || text.startsWith('-----BEGIN AGE')) return { problem: 'encrypted' };
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    return { problem: 'not_json' };
  }
  const accounts = Array.isArray(document) ? document : document?.accounts;
  if (Array.isArray(accounts)) return accounts.length > 0 ? { accounts } : { problem: 'no_accounts' };
  return { problem: document?.claudeAiOauth ? 'login' : 'no_accounts' };
}
