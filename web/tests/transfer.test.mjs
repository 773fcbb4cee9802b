// What somebody may drop on the import.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAccounts } from '../src/transfer/document.js';

test('takes an array, and an object that holds one', () => {
  const accounts = [{ name: 'work' }];
  assert.deepEqual(readAccounts(JSON.stringify(accounts)), { accounts });
  assert.deepEqual(readAccounts(JSON.stringify({ accounts })), { accounts });
});

test('says what else it was given', () => {
  assert.deepEqual(readAccounts('age-encryption.org/v1\n…'), { problem: 'encrypted' });
  assert.deepEqual(readAccounts('-----BEGIN AGE ENCRYPTED FILE-----'), { problem: 'encrypted' });
  assert.deepEqual(readAccounts('not JSON'), { problem: 'not_json' });
  assert.deepEqual(readAccounts('{"claudeAiOauth":{}}'), { problem: 'login' });
  assert.deepEqual(readAccounts('[]'), { problem: 'no_accounts' });
  assert.deepEqual(readAccounts('null'), { problem: 'no_accounts' });
  assert.deepEqual(readAccounts('3'), { problem: 'no_accounts' });
});
