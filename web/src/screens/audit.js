// What was done, by whom and from where, newest first.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { EmptyState } from '../components/empty-state.js';
import { ErrorNote } from '../components/error-note.js';
import { Loading } from '../components/progress.js';
import { dateTime, relative } from '../format.js';
import { useAction, useNow } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

/** @typedef {import('../types.js').AuditEntry} AuditEntry */

const PAGE = 50;

export function AuditScreen() {
  const [entries, setEntries] = useState(/** @type {AuditEntry[]|null} */ (null));
  const [next, setNext] = useState(/** @type {number|null} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const now = useNow();
  const load = async (/** @type {number|null} */ before) => {
    try {
      const page = await api.get(`/api/audit?limit=${PAGE}${before === null ? '' : `&before=${before}`}`);
      setEntries((known) => (before === null ? page.entries : [...(known ?? []), ...page.entries]));
      setNext(page.next);
      setError(null);
    } catch (problem) {
      setError(problem);
    }
  };
  const [more, loading] = useAction(() => load(next));
  const [again, reloading] = useAction(() => load(null));
  useEffect(() => {
    load(null);
  }, []);
  return html`
    <header class="screen-head">
      <h1>${t('nav.audit')}</h1>
      <${Button} icon="refresh" label=${t('audit.reload')} busy=${reloading} onClick=${again} />
    </header>
    <p class="lead">${t('audit.explanation')}</p>
    ${error && html`<${ErrorNote} error=${error} onRetry=${again} />`}
    ${!entries && !error && html`<${Loading} rows=${6} label=${t('common.loading')} />`}
    ${entries?.length === 0 && html`<${EmptyState} icon="audit" title=${t('audit.empty')} />`}
    ${entries && entries.length > 0 && html`<${Table} entries=${entries} now=${now} />`}
    ${next !== null && entries && html`<div class="row center"><${Button} label=${t('audit.older')} busy=${loading} onClick=${more} /></div>`}
  `;
}

/** @param {{entries: AuditEntry[], now: number}} props */
function Table({ entries, now }) {
  return html`
    <table class="table audit">
      <thead>
        <tr>
          <th scope="col">${t('audit.when')}</th>
          <th scope="col">${t('audit.action')}</th>
          <th scope="col">${t('audit.account')}</th>
          <th scope="col">${t('audit.who')}</th>
          <th scope="col">${t('audit.detail')}</th>
        </tr>
      </thead>
      <tbody>
        ${entries.map(
          (entry) => html`
            <tr key=${entry.id}>
              <td class="when"><time datetime=${new Date(entry.at).toISOString()} title=${dateTime(entry.at)}>${relative(entry.at, now)}</time></td>
              <td class="mono action">${entry.action}</td>
              <td class="name">${entry.account ?? ''}</td>
              <td class="who">${entry.who}${entry.address ? html` <span class="dim mono">${entry.address}</span>` : ''}</td>
              <td class="dim detail">${entry.detail ?? ''}</td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  `;
}
