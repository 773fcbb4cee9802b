// Export: the chosen accounts with their credentials, as a file that the browser saves.
import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { Check } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { saveFile } from '../components/once.js';
import { Loading } from '../components/progress.js';
import { toast } from '../components/toast.js';
import { accounts as accountsResource } from '../data.js';
import { useAction } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { useResource } from '../resource.js';

export function Export() {
  const { value: accounts } = useResource(accountsResource);
  const [left, setLeft] = useState(/** @type {Set<string>} */ (new Set()));
  const chosen = (accounts ?? []).filter(({ id }) => !left.has(id));
  const [save, saving] = useAction(async () => {
    const all = chosen.length === accounts?.length;
    const exported = await api.get(
      all ? '/api/export' : `/api/export?accounts=${chosen.map(({ id }) => id).join(',')}`,
    );
    const day = new Date().toISOString().slice(0, 10);
    saveFile(`claude-accounts-${day}.json`, `${JSON.stringify(exported, null, 2)}\n`, 'application/json');
    toast({ text: t('export.done', { count: exported.length }), tone: 'ok' });
  });
  const choose = (/** @type {string} */ id, /** @type {boolean} */ on) => {
    const next = new Set(left);
    if (on) next.delete(id);
    else next.add(id);
    setLeft(next);
  };
  if (!accounts) return html`<${Loading} label=${t('common.loading')} />`;
  if (accounts.length === 0) return html`<p class="dim">${t('export.none')}</p>`;
  const everything = chosen.length === accounts.length;
  return html`
    <p class="note attention"><${Icon} name="alert" /><span>${t('export.warning')}</span></p>
    <p class="hint">${t('export.encrypted_hint')} <code>claude-accounts export --passphrase</code></p>
    <fieldset class="checks">
      <legend>${t('export.which')}</legend>
      <${Check}
        label=${t('export.all', { count: accounts.length })} checked=${everything}
        onChange=${(/** @type {boolean} */ on) => setLeft(new Set(on ? [] : accounts.map(({ id }) => id)))}
      />
      <div class="check-list">
        ${accounts.map(
          ({ id, name }) => html`<${Check}
            key=${id} label=${html`<span class="name">${name}</span>`} checked=${!left.has(id)}
            onChange=${(/** @type {boolean} */ on) => choose(id, on)}
          />`,
        )}
      </div>
    </fieldset>
    <div class="dialog-foot">
      <${Button} tone="primary" icon="download" label=${t('export.submit', { count: chosen.length })} busy=${saving} disabled=${chosen.length === 0} onClick=${save} />
    </div>
  `;
}
