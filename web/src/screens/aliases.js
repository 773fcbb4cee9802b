// The shell aliases: to look at, to copy, to save, to install.
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { CopyButton } from '../components/copy-button.js';
import { ErrorNote } from '../components/error-note.js';
import { Icon } from '../components/icon.js';
import { saveFile } from '../components/once.js';
import { Loading } from '../components/progress.js';
import { Tabs } from '../components/tabs.js';
import { onEvent } from '../events.js';
import { useAction } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

/** @typedef {'bash'|'zsh'|'fish'} Shell */
/** @typedef {{aliases_file: string, added_to: string[], count: number}} Installed */

const SHELLS = /** @type {const} */ (['bash', 'zsh', 'fish']);

export function AliasesScreen() {
  const [shell, setShell] = useState(/** @type {Shell} */ ('bash'));
  const [script, setScript] = useState(/** @type {string|null} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const [installed, setInstalled] = useState(/** @type {Installed|null} */ (null));
  useEffect(() => {
    let current = true;
    const load = async () => {
      try {
        const text = await api.text(`/api/generate-aliases?shell=${shell}`);
        if (!current) return;
        setScript(text);
        setError(null);
      } catch (problem) {
        if (current) setError(problem);
      }
    };
    load();
    const end = onEvent('accounts', load);
    return () => {
      current = false;
      end();
    };
  }, [shell]);
  const [install, installing] = useAction(async () => setInstalled(await api.post('/api/install-aliases')));
  const file = shell === 'fish' ? 'claude-accounts-aliases.fish' : 'claude-accounts-aliases.sh';
  return html`
    <header class="screen-head">
      <h1>${t('nav.aliases')}</h1>
      <${Button} icon="check" tone="primary" label=${t('aliases.install')} busy=${installing} onClick=${install} />
    </header>
    <p class="lead">${t('aliases.explanation')}</p>
    ${installed && html`<${InstalledNote} installed=${installed} />`}
    <${Tabs} label=${t('aliases.shell')} value=${shell} onChange=${setShell} tabs=${SHELLS.map((value) => ({ value, label: value }))}>
      ${error && html`<${ErrorNote} error=${error} />`}
      ${script === null && !error && html`<${Loading} label=${t('common.loading')} />`}
      ${
        script !== null &&
        html`<div class="code-block">
          <div class="code-tools">
            <${CopyButton} text=${script} />
            <${Button} icon="download" label=${t('common.download')} onClick=${() => saveFile(file, script, 'text/plain')} />
          </div>
          <pre tabindex="0" role="region" aria-label=${t('aliases.script')}><code>${script}</code></pre>
        </div>`
      }
    <//>
  `;
}

/** @param {{installed: Installed}} props */
function InstalledNote({ installed: { aliases_file, added_to, count } }) {
  const load = `. ${aliases_file}`;
  return html`
    <div class="note ok" role="status">
      <${Icon} name="check" />
      <div>
        <p>${t('aliases.installed', { count })} <code>${aliases_file}</code></p>
        ${added_to.length > 0 && html`<p class="dim">${t('aliases.added_to', { files: added_to.join(', ') })}</p>`}
        <p class="row">${t('aliases.load')} <code>${load}</code> <${CopyButton} text=${load} hideLabel tone="quiet" /></p>
      </div>
    </div>
  `;
}
