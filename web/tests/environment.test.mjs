// What is sent of an account's variables: nothing untouched, and never a part that would drop the rest.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptVariables, missingValue, variablesToSend } from '../src/accounts/environment.js';

const kept = keptVariables(['HTTP_PROXY', 'REGION']);
/** @param {string} name @param {string} value */
const added = (name, value) => ({ name, value, kept: false, removed: false });

test('untouched variables are not sent', () => {
  assert.equal(variablesToSend(kept), undefined);
  assert.equal(missingValue(kept), undefined);
  assert.equal(variablesToSend([...kept, added('', '')]), undefined);
});

test('a change needs the values of all that stay', () => {
  const [proxy, region] = kept;
  assert.equal(missingValue([{ ...proxy, value: 'p' }, region])?.name, 'REGION');
  assert.equal(missingValue([...kept, added('NEW', '')])?.name, 'HTTP_PROXY');
  assert.equal(missingValue([proxy, { ...region, removed: true }])?.name, 'HTTP_PROXY');
});

test('a complete change holds all variables but the removed', () => {
  const [proxy, region] = kept;
  const variables = [{ ...proxy, value: 'p' }, { ...region, removed: true }, added('NEW', '')];
  assert.equal(missingValue(variables), undefined);
  assert.deepEqual(variablesToSend(variables), { HTTP_PROXY: 'p', NEW: '' });
});
