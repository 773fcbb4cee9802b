// The server's list of sessions, and what is done with one by request.

import { api } from '../api.js';
import { onEvent } from '../events.js';
import { t } from '../i18n.js';
import { Resource } from '../resource.js';

/**
 * @typedef {object} Session
 * @property {string} id
 * @property {string} title
 * @property {string} account_id
 * @property {string} account
 * @property {string} cwd
 * @property {'terminal'|'login'} kind
 * @property {number} started_at epoch milliseconds
 * @property {number|null} ended_at
 * @property {{code: number|null, signal: string|number|null}|null} exit
 * @property {number} rows
 * @property {number} cols
 * @property {number} viewers
 * @property {boolean} recording
 * @property {number} bytes of output since the start
 * @property {number|null} last_output_at
 */

/** @type {Resource<Session[]>} */
export const sessions = new Resource(() => api.get('/api/sessions'));

onEvent('sessions', () => {
  if (sessions.listeners.size > 0) sessions.reload();
});
onEvent('signed_out', () => sessions.clear());

/** @param {Session} session */
export function isRunning(session) {
  return session.ended_at === null;
}

/** @param {string} id */
const path = (id) => `/api/sessions/${encodeURIComponent(id)}`;

/**
 * @param {string} id
 * @param {string} title
 */
export async function renameSession(id, title) {
  await api.put(path(id), { title });
  sessions.reload();
}

/** Ends a running session, forgets an ended one. @param {string} id */
export async function endSession(id) {
  await api.delete(path(id));
  sessions.reload();
}

/**
 * @param {string} id
 * @param {number} minutes until the link ends
 * @returns {Promise<{address: string, expiresAt: number}>}
 */
export async function shareSession(id, minutes) {
  const link = await api.post(`${path(id)}/links`, { minutes });
  return { address: new URL(link.url, location.origin).href, expiresAt: link.expires_at };
}

/** @param {string} id */
export function downloadRecording(id) {
  const link = document.createElement('a');
  link.href = `${path(id)}/recording`;
  link.download = `${id}.cast`;
  link.click();
}

/** What a session is called. @param {Session} session */
export function titleOf(session) {
  return session.title || session.account;
}

/** How a program ended, in words. @param {{code: number|null, signal: string|number|null}|null} exit */
export function exitText(exit) {
  if (exit?.signal) return t('terminal.ended_by_signal', { signal: String(exit.signal) });
  if (exit?.code !== null && exit?.code !== undefined)
    return t('terminal.ended_with_code', { code: String(exit.code) });
  return t('terminal.ended');
}

/** The same where there is little room. @param {{code: number|null, signal: string|number|null}|null} exit */
export function exitWord(exit) {
  if (exit?.signal) return t('terminal.exit_signal', { signal: String(exit.signal) });
  if (exit?.code !== null && exit?.code !== undefined) return t('terminal.exit_code', { code: String(exit.code) });
  return t('terminal.exit_unknown');
}
