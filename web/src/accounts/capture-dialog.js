// Takes a login that exists already: the one in ~/.claude, or a credential file that the user gives.
import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { FormDialog } from '../components/dialog.js';
import { DropZone } from '../components/drop-zone.js';
import { Choice } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { toast } from '../components/toast.js';
import { accounts } from '../data.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

/** @param {{account: import('../types.js').Account, onClose: () => void}} props */
export function CaptureDialog({ account, onClose }) {
  const [from, setFrom] = useState(/** @type {'own'|'file'} */ ('own'));
  const [document, setDocument] = useState(/** @type {{name: string, content: object}|null} */ (null));
  const [problem, setProblem] = useState(/** @type {string|null} */ (null));

  const take = (/** @type {string} */ text, /** @type {string} */ name) => {
    setProblem(null);
    try {
      const content = JSON.parse(text);
      if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new Error();
      setDocument({ name: name || t('capture.pasted'), content });
    } catch {
      setDocument(null);
      setProblem(t('capture.not_json'));
    }
  };
  const capture = async () => {
    const body = from === 'file' ? { credentials: document?.content } : {};
    const taken = await api.post(`/api/accounts/${account.id}/capture-oauth`, body);
    accounts.reload();
    toast({ text: t('capture.done', { name: account.name }), detail: taken.token_preview, tone: 'ok' });
    onClose();
  };
  return html`
    <${FormDialog}
      title=${t('capture.title', { name: account.name })} submit=${t('capture.submit')} submitIcon="capture"
      onSubmit=${capture} onClose=${onClose} disabled=${from === 'file' && !document}
    >
      <${Choice}
        label=${t('capture.from')} value=${from} onChange=${setFrom}
        options=${[{ value: 'own', label: t('capture.own') }, { value: 'file', label: t('capture.file') }]}
        hint=${from === 'own' ? t('capture.own_hint') : t('capture.file_hint')}
      />
      ${
        from === 'file' &&
        html`<${DropZone} label=${t('capture.drop')} accept=".json,application/json" onText=${take} onError=${setProblem} />
          ${document && html`<p class="note ok"><${Icon} name="check" /><span class="mono">${document.name}</span></p>`}
          ${problem && html`<p class="note bad" role="alert"><${Icon} name="alert" /><span>${problem}</span></p>`}`
      }
    <//>
  `;
}
