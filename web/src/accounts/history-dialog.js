// The credentials that an account had, each of which can be had again.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { Chip } from '../components/chip.js';
import { Dialog } from '../components/dialog.js';
import { EmptyState } from '../components/empty-state.js';
import { ErrorNote } from '../components/error-note.js';
import { Lazy } from '../components/lazy.js';
import { Loading } from '../components/progress.js';
import { toast } from '../components/toast.js';
import { accounts } from '../data.js';
import { onEvent } from '../events.js';
import { dateTime } from '../format.js';
import { useAction } from '../hooks.js';
import { html } from '../html.js';
import { key, t } from '../i18n.js';

/** @typedef {import('../types.js').Generation} Generation */

const loadTimeline = async () => (await import('../charts/timeline.js')).Timeline;

/** @type {Record<string, string>} Causes that have a name here; another is shown as the server wrote it. */
const CAUSES = {
  captured: key('cause.captured'),
  'signed in': key('cause.signed_in'),
  renewed: key('cause.renewed'),
  adopted: key('cause.adopted'),
  'signed in in a session': key('cause.signed_in_session'),
  'kept aside': key('cause.kept_aside'),
  imported: key('cause.imported'),
  restored: key('cause.restored'),
  'another program': key('cause.another_program'),
};

/** @param {{account: import('../types.js').Account, onClose: () => void}} props */
export function HistoryDialog({ account, onClose }) {
  const [history, setHistory] = useState(/** @type {Generation[]|null} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const load = async () => {
    try {
      setHistory(await api.get(`/api/history/${account.id}`));
      setError(null);
    } catch (problem) {
      setError(problem);
    }
  };
  useEffect(() => {
    load();
    return onEvent('accounts', load);
  }, [account.id]);
  const [restore, restoring] = useAction(async (/** @type {number} */ generation) => {
    await api.post(`/api/history/${account.id}/restore`, { generation });
    toast({ text: t('history.restored', { generation }), detail: t('history.restored_hint'), tone: 'ok' });
    accounts.reload();
    await load();
  });
  return html`
    <${Dialog} title=${t('history.title', { name: account.name })} onClose=${onClose} wide>
      ${error && html`<${ErrorNote} error=${error} onRetry=${load} />`}
      ${!history && !error && html`<${Loading} label=${t('common.loading')} />`}
      ${history && account.auth_type === 'oauth' && history.length > 0 && html`<${Lazy} load=${loadTimeline} account=${account} history=${history} />`}
      ${history?.length === 0 && html`<${EmptyState} icon="history" title=${t('history.empty')} />`}
      ${
        history &&
        history.length > 0 &&
        html`<ol class="generations">
          ${history.map((each) => html`<${Entry} key=${each.generation} entry=${each} busy=${restoring} onRestore=${restore} />`)}
        </ol>`
      }
    <//>
  `;
}

/** @param {{entry: Generation, busy: boolean, onRestore: (generation: number) => void}} props */
function Entry({ entry, busy, onRestore }) {
  return html`
    <li>
      <span class="generation-number mono">${entry.generation}</span>
      <div class="generation-what">
        <p>
          <strong>${CAUSES[entry.cause] ? t(CAUSES[entry.cause]) : entry.cause}</strong>
          <time datetime=${new Date(entry.recorded_at).toISOString()}>${dateTime(entry.recorded_at)}</time>
        </p>
        <p class="dim">
          <code class="mono">${entry.masked_key}</code>
          ${entry.expires_at ? html`<span>${t('history.expires', { time: dateTime(entry.expires_at) })}</span>` : ''}
        </p>
      </div>
      ${
        entry.current
          ? html`<${Chip} icon="check" tone="ok" label=${t('history.current')} />`
          : html`<${Button}
              icon="history" label=${t('history.restore')} name=${t('history.restore_name', { generation: entry.generation })}
              disabled=${busy} onClick=${() => onRestore(entry.generation)}
            />`
      }
    </li>
  `;
}
