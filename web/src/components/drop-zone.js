// A place to drop a file on, or to choose one, or to paste its text.
import { useRef, useState } from 'preact/hooks';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Button } from './button.js';
import { Icon } from './icon.js';

/** The server takes no more than this; checked here so that a wrong file is not read into memory. */
const LARGEST = 1 << 20;

/**
 * @param {{label: string, hint?: string, accept?: string, onText: (text: string, name: string) => void, onError: (message: string) => void}} props
 */
export function DropZone({ label, hint, accept, onText, onError }) {
  const [over, setOver] = useState(false);
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  const read = async (/** @type {File|undefined|null} */ file) => {
    if (!file) return;
    if (file.size > LARGEST) onError(t('drop.too_large'));
    else onText(await file.text(), file.name);
  };
  const dropped = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setOver(false);
    const text = event.dataTransfer?.getData('text/plain');
    const file = event.dataTransfer?.files[0];
    if (file) read(file);
    else if (text) onText(text, '');
  };
  const pasted = (/** @type {ClipboardEvent} */ event) => {
    const file = event.clipboardData?.files[0];
    const text = event.clipboardData?.getData('text/plain');
    if (file) read(file);
    else if (text) onText(text, '');
  };
  const hovers = (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    setOver(true);
  };
  const chosen = (/** @type {any} */ event) => {
    read(event.currentTarget.files[0]);
    // The same file chosen again is a change only if nothing was chosen between.
    event.currentTarget.value = '';
  };
  return html`
    <div
      class=${`drop ${over ? 'over' : ''}`} onDragOver=${hovers}
      onDragLeave=${() => setOver(false)} onDrop=${dropped} onPaste=${pasted}
    >
      <${Icon} name="upload" size=${24} />
      <p>${label}</p>
      ${hint && html`<p class="hint">${hint}</p>`}
      <${Button} label=${t('drop.choose')} onClick=${() => input.current?.click()} />
      <input
        ref=${input} type="file" class="visually-hidden" tabindex="-1" aria-hidden="true" accept=${accept}
        onChange=${chosen}
      />
    </div>
  `;
}
