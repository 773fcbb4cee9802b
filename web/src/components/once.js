// A secret that is shown once: the page goes on only when its owner says that it is kept.
import { useState } from 'preact/hooks';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Button } from './button.js';
import { CopyButton } from './copy-button.js';
import { Dialog } from './dialog.js';
import { Check } from './field.js';
import { Icon } from './icon.js';

/**
 * @param {{text: string, label: string, confirm: string, onDone: () => void, done: string, file?: string}} props
 *   `file` names the file to save it in, for secrets of several lines
 */
export function ShownOnce({ text, label, confirm, onDone, done, file }) {
  const [saved, setSaved] = useState(false);
  return html`
    <div class="once">
      <div class="secret" role="group" aria-label=${label}><code>${text}</code></div>
      <div class="row">
        <${CopyButton} text=${text} label=${t('common.copy')} />
        ${file && html`<${Button} icon="download" label=${t('common.download')} onClick=${() => saveFile(file, text, 'text/plain')} />`}
      </div>
      <p class="note attention"><${Icon} name="alert" /><span>${t('once.warning')}</span></p>
      <${Check} label=${confirm} checked=${saved} onChange=${setSaved} />
      <div class="dialog-foot">
        <${Button} tone="primary" label=${done} disabled=${!saved} onClick=${onDone} />
      </div>
    </div>
  `;
}

/** @param {{codes: string[], onDone: () => void}} props */
export function RecoveryCodes({ codes, onDone }) {
  return html`
    <${Dialog} title=${t('recovery.title')} onClose=${onDone} keepOpen>
      <p>${t('recovery.explanation')}</p>
      <${ShownOnce}
        text=${codes.join('\n')} label=${t('recovery.title')} confirm=${t('once.confirm_codes')} done=${t('common.done')}
        onDone=${onDone} file="claude-accounts-recovery-codes.txt"
      />
    <//>
  `;
}

/**
 * Hands the user a file made in the browser.
 * @param {string} name
 * @param {string} content
 * @param {string} type
 */
export function saveFile(name, content, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
