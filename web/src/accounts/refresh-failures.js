import { Button } from '../components/button.js';
import { Dialog } from '../components/dialog.js';
import { explain } from '../components/error-note.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

/** @param {{failures: {name: string, error: Error}[], onClose: () => void}} props */
export function RefreshFailures({ failures, onClose }) {
  return html`
    <${Dialog} title=${t('accounts.refresh_failed', { count: failures.length })} onClose=${onClose}>
      <ul class="plain-list">
        ${failures.map(({ name, error }) => {
          const { message, hint } = explain(error);
          return html`<li key=${name}><strong class="name">${name}</strong><p>${message}</p>${hint && html`<p class="dim">${hint}</p>`}</li>`;
        })}
      </ul>
      <div class="dialog-foot"><${Button} tone="primary" label=${t('common.done')} onClick=${onClose} /></div>
    <//>
  `;
}
