// Import: drop a file, see what would change, then do it. Nothing is stored before the last step.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { State } from '../components/chip.js';
import { DropZone } from '../components/drop-zone.js';
import { ErrorNote } from '../components/error-note.js';
import { Choice } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { Loading } from '../components/progress.js';
import { toast } from '../components/toast.js';
import { accounts as accountsResource } from '../data.js';
import { useAction } from '../hooks.js';
import { html } from '../html.js';
import { key, t } from '../i18n.js';
import { readAccounts } from './document.js';

/** @typedef {import('../types.js').ImportResult} ImportResult */
/** @typedef {'skip'|'replace'|'rename'} Conflict */
/** @typedef {{name: string, accounts: object[]}} Dropped */

const PROBLEMS = {
  encrypted: key('import.encrypted'),
  not_json: key('import.not_json'),
  login: key('import.is_login'),
  no_accounts: key('import.no_accounts'),
};

/** @type {Record<ImportResult['action'], {label: string, icon: string, tone: string}>} */
const ACTIONS = {
  added: { label: key('import.action_added'), icon: 'plus', tone: 'ok' },
  skipped: { label: key('import.action_skipped'), icon: 'none', tone: 'off' },
  replaced: { label: key('import.action_replaced'), icon: 'refresh', tone: 'attention' },
  renamed: { label: key('import.action_renamed'), icon: 'edit', tone: 'ok' },
};

export function Import() {
  const [dropped, setDropped] = useState(/** @type {Dropped|null} */ (null));
  const [problem, setProblem] = useState(/** @type {string|null} */ (null));
  const take = (/** @type {string} */ text, /** @type {string} */ name) => {
    const read = readAccounts(text);
    if ('problem' in read) setProblem(t(PROBLEMS[read.problem]));
    else {
      setProblem(null);
      setDropped({ name: name || t('capture.pasted'), accounts: read.accounts });
    }
  };
  if (dropped) return html`<${Preview} dropped=${dropped} onClose=${() => setDropped(null)} />`;
  return html`
    <p class="dim">${t('import.explanation')}</p>
    <${DropZone} label=${t('import.drop')} hint=${t('import.drop_hint')} accept=".json,application/json" onText=${take} onError=${setProblem} />
    ${problem && html`<p class="note bad" role="alert"><${Icon} name="alert" /><span>${problem}</span></p>`}
  `;
}

/** @param {{dropped: Dropped, onClose: () => void}} props */
function Preview({ dropped, onClose }) {
  const [conflict, setConflict] = useState(/** @type {Conflict} */ ('skip'));
  const [results, setResults] = useState(/** @type {ImportResult[]|null} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  useEffect(() => {
    let current = true;
    setError(null);
    preview(dropped, conflict).then(
      (would) => current && setResults(would),
      (refused) => current && setError(refused),
    );
    return () => {
      current = false;
    };
  }, [dropped, conflict]);
  const [store, storing] = useAction(async () => {
    const { imported } = await api.post('/api/import', {
      accounts: dropped.accounts,
      on_conflict: conflict,
      dry_run: false,
    });
    accountsResource.reload();
    toast({ text: t('import.done', { count: imported }), tone: 'ok' });
    onClose();
  });
  const changes = (results ?? []).filter(({ action }) => action !== 'skipped').length;
  return html`
    <p class="file"><${Icon} name="transfer" /><span class="mono">${dropped.name}</span><span class="dim">${t('import.count', { count: dropped.accounts.length })}</span></p>
    <${Choice}
      label=${t('import.on_conflict')} value=${conflict} onChange=${setConflict}
      options=${[
        { value: 'skip', label: t('import.skip') },
        { value: 'replace', label: t('import.replace') },
        { value: 'rename', label: t('import.rename') },
      ]}
    />
    ${error && html`<${ErrorNote} error=${error} />`}
    ${!results && !error && html`<${Loading} label=${t('common.loading')} />`}
    ${
      results &&
      !error &&
      html`<h3 class="small-head">${t('import.preview')}</h3>
        <ul class="list import-results" aria-live="polite">
          ${results.map((result, index) => html`<${Result} key=${index} result=${result} />`)}
        </ul>`
    }
    <div class="dialog-foot">
      <${Button} label=${t('common.cancel')} onClick=${onClose} />
      <${Button}
        tone="primary" icon="check" busy=${storing} disabled=${error !== null || changes === 0} onClick=${store}
        label=${changes === 0 ? t('import.nothing') : t('import.submit', { count: changes })}
      />
    </div>
  `;
}

/**
 * What an import would do.
 * @param {Dropped} dropped
 * @param {Conflict} conflict
 * @returns {Promise<ImportResult[]>}
 */
async function preview(dropped, conflict) {
  return (await api.post('/api/import', { accounts: dropped.accounts, on_conflict: conflict, dry_run: true })).results;
}

/** @param {{result: ImportResult}} props */
function Result({ result: { name, action, stored_as } }) {
  const shown = ACTIONS[action] ?? ACTIONS.skipped;
  return html`
    <li>
      <span class="name grow">${name}${stored_as && stored_as !== name ? html` <span class="dim">→</span> ${stored_as}` : ''}</span>
      <${State} label=${t(shown.label)} icon=${shown.icon} tone=${shown.tone} />
    </li>
  `;
}
