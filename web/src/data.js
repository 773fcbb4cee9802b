// The data that more than one screen shows.
import { api } from './api.js';
import { onEvent } from './events.js';
import { Resource } from './resource.js';

/** @typedef {import('./types.js').Account} Account */
/** @typedef {import('./types.js').Binding} Binding */

/** @type {Resource<Account[]>} */
export const accounts = new Resource(() => api.get('/api/accounts'));
/** @type {Resource<{days: import('./types.js').UsageDay[]}>} */
export const usage = new Resource(() => api.get('/api/usage?days=30'));
/** @type {Resource<Binding[]>} */
export const directories = new Resource(() => api.get('/api/directories'));
/** @type {Resource<import('./types.js').ServerSettings>} */
export const settings = new Resource(() => api.get('/api/settings'));

const all = [accounts, usage, directories, settings];

onEvent('accounts', () => {
  for (const resource of [accounts, usage, directories]) resource.changed();
});
onEvent('sessions', () => {
  accounts.changed();
});

/** Forgets everything that was loaded. */
export function clearData() {
  for (const resource of all) resource.clear();
}
