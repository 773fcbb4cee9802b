// Accounts from and into files.

import { html } from '../html.js';
import { t } from '../i18n.js';
import { Export } from '../transfer/export.js';
import { Import } from '../transfer/import.js';

export function ImportScreen() {
  return html`
    <header class="screen-head"><h1>${t('nav.import')}</h1></header>
    <div class="columns">
      <section class="panel" aria-labelledby="import-title">
        <h2 id="import-title">${t('import.title')}</h2>
        <${Import} />
      </section>
      <section class="panel" aria-labelledby="export-title">
        <h2 id="export-title">${t('export.title')}</h2>
        <${Export} />
      </section>
    </div>
  `;
}
