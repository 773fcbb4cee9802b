// What can be done to an account with one request.
import { api, Unreachable } from '../api.js';
import { copyText } from '../components/copy-button.js';
import { report, toast } from '../components/toast.js';
import { accounts } from '../data.js';
import { t } from '../i18n.js';

/** @typedef {import('../types.js').Account} Account */

/** How long Undo is offered; the server keeps what it needs for ten minutes. */
const UNDO_SECONDS = 60;

/**
 * @param {Account} account
 * @returns {Promise<string>} the command that launches it
 */
export async function launchCommand(account) {
  return (await api.post(`/api/accounts/${account.id}/launch`)).command;
}

/** @param {Account} account */
export async function copyCommand(account) {
  const command = await launchCommand(account);
  if (await copyText(command)) toast({ text: t('accounts.command_copied'), detail: command, tone: 'ok' });
  else toast({ text: t('common.copy_failed'), detail: command, tone: 'bad', seconds: 60 });
}

/** @param {Account} account */
export async function refresh(account) {
  const answer = await api.post(`/api/accounts/${account.id}/refresh-oauth`);
  toast({ text: t('accounts.refreshed', { name: account.name }), detail: answer.token_preview, tone: 'ok' });
  accounts.reload();
}

/** @param {Account} account */
export async function makeDefault(account) {
  await api.put(`/api/accounts/${account.id}`, { default: true });
  toast({ text: t('accounts.made_default', { name: account.name }), tone: 'ok' });
  accounts.reload();
}

/** @param {Account} account */
export async function remove(account) {
  const { undo } = await api.delete(`/api/accounts/${account.id}`);
  accounts.reload();
  toast({
    text: t('accounts.deleted', { name: account.name }),
    detail: t('accounts.deleted_hint'),
    seconds: UNDO_SECONDS,
    action: { label: t('common.undo'), run: () => restore(undo).catch(report) },
  });
}

/** @param {string} undo */
async function restore(undo) {
  const { name } = await api.post('/api/accounts/undo-delete', { undo });
  toast({ text: t('accounts.restored', { name }), tone: 'ok' });
  accounts.reload();
}

/**
 * Renews one login after the other, so that each is seen to be done.
 * @param {Account[]} logins
 * @param {(done: number, current: string) => void} onProgress
 * @returns {Promise<{name: string, error: Error}[]>} those that failed
 */
export async function refreshAll(logins, onProgress) {
  const failed = [];
  for (const [done, login] of logins.entries()) {
    onProgress(done, login.name);
    try {
      await api.post(`/api/accounts/${login.id}/refresh-oauth`);
    } catch (error) {
      if (error instanceof Unreachable) throw error;
      failed.push({ name: login.name, error: /** @type {Error} */ (error) });
    }
  }
  accounts.reload();
  return failed;
}
