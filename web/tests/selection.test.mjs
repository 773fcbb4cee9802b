// Which accounts the list shows, and in which order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lifeline, selected } from '../src/accounts/selection.js';

/** @param {Partial<import('../src/types.js').Account>} given @returns {import('../src/types.js').Account} */
function account(given) {
  return {
    id: '1',
    name: 'work',
    auth_type: 'oauth',
    created_at: '2026-11-01 10:00:00',
    last_used: null,
    expires_at: 0,
    masked_key: '',
    state: 'ok',
    reason: null,
    plan: null,
    email: null,
    organization: null,
    default: false,
    bindings: [],
    generation: 1,
    renewed_at: null,
    renews_at: null,
    last_error: null,
    environment: [],
    sessions: 0,
    ...given,
  };
}

const all = [
  account({ id: '1', name: 'perso', auth_type: 'api_key', last_used: '2026-11-20 10:00:00' }),
  account({ id: '2', name: 'Work', email: 'me@work.example', expires_at: 2000, sessions: 1, bindings: ['/src/shop'] }),
  account({ id: '3', name: 'client', state: 'sign_in_again', expires_at: 1000, last_used: '2026-11-21 10:00:00' }),
];

/** @param {Partial<import('../src/accounts/selection.js').Selection>} selection */
function shown(selection) {
  return selected(all, { search: '', kind: 'all', state: 'all', order: 'added', ...selection }).map(({ id }) => id);
}

test('every word must be found, in name, address or directory, in any case', () => {
  assert.deepEqual(shown({ search: 'WORK' }), ['2']);
  assert.deepEqual(shown({ search: 'shop example' }), ['2']);
  assert.deepEqual(shown({ search: 'shop perso' }), []);
  assert.deepEqual(shown({ search: '  ' }), ['1', '2', '3']);
});

test('filters by kind and state', () => {
  assert.deepEqual(shown({ kind: 'api_key' }), ['1']);
  assert.deepEqual(shown({ state: 'attention' }), ['3']);
  assert.deepEqual(shown({ state: 'ok', kind: 'oauth' }), ['2']);
  assert.deepEqual(shown({ state: 'running' }), ['2']);
});

test('orders, and leaves the list it was given alone', () => {
  assert.deepEqual(shown({ order: 'name' }), ['3', '1', '2']);
  assert.deepEqual(shown({ order: 'used' }), ['3', '1', '2']);
  assert.deepEqual(shown({ order: 'expires' }), ['3', '2', '1']);
  assert.deepEqual(
    all.map(({ id }) => id),
    ['1', '2', '3'],
  );
});

test('the line of a login has its shares, and none without both ends', () => {
  assert.equal(lifeline(account({ expires_at: 100 }), 50), null);
  assert.equal(lifeline(account({ renewed_at: 100, expires_at: 100 }), 50), null);
  const line = lifeline(account({ renewed_at: 100, expires_at: 200, renews_at: 175 }), 125);
  assert.deepEqual(line, { elapsed: 0.25, renewal: 0.75 });
  assert.equal(lifeline(account({ renewed_at: 100, expires_at: 200 }), 900)?.elapsed, 1);
});
