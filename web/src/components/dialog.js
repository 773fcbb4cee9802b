// Dialogs on the native <dialog>: the browser keeps the focus inside and the rest of the page inert.
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Cancelled } from '../api.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Button } from './button.js';
import { ErrorNote } from './error-note.js';

/**
 * @param {{
 *   title: string, onClose: () => void, children?: import('../types.js').Children, wide?: boolean,
 *   keepOpen?: boolean, class?: string,
 * }} props `keepOpen`: Escape and the cross do not close it, since what it shows is shown once
 */
export function Dialog({ title, onClose, children, wide, keepOpen, class: extra = '' }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const titleId = useId();
  useLayoutEffect(() => {
    const before = /** @type {HTMLElement|null} */ (document.activeElement);
    const element = dialog.current;
    element?.showModal();
    return () => {
      element?.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!keepOpen) onClose();
  };
  return html`
    <dialog ref=${dialog} class=${`dialog ${wide ? 'wide' : ''} ${extra}`} aria-labelledby=${titleId} onCancel=${cancel}>
      <header class="dialog-head">
        <h2 id=${titleId}>${title}</h2>
        ${!keepOpen && html`<${Button} tone="quiet" icon="cross" hideLabel label=${t('common.close')} onClick=${onClose} />`}
      </header>
      <div class="dialog-body">${children}</div>
    </dialog>
  `;
}

/**
 * A dialog around a form. What goes wrong is said inside it, and it stays open with everything that was typed.
 * @param {{
 *   title: string, onClose: () => void, onSubmit: () => Promise<void>, submit: string, children?: import('../types.js').Children,
 *   submitIcon?: string, disabled?: boolean, wide?: boolean, tone?: 'primary'|'bad',
 * }} props
 */
export function FormDialog({
  title,
  onClose,
  onSubmit,
  submit,
  submitIcon,
  children,
  disabled,
  wide,
  tone = 'primary',
}) {
  const [error, setError] = useState(/** @type {Error|null} */ (null));
  const [busy, setBusy] = useState(false);
  const shown = useRef(true);
  useEffect(
    () => () => {
      shown.current = false;
    },
    [],
  );
  const submitted = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (busy || disabled) return;
    setBusy(true);
    setError(null);
    try {
      await onSubmit();
    } catch (problem) {
      if (shown.current && !(problem instanceof Cancelled)) setError(/** @type {Error} */ (problem));
    }
    if (shown.current) setBusy(false);
  };
  return html`
    <${Dialog} title=${title} onClose=${onClose} wide=${wide}>
      <form class="form" onSubmit=${submitted}>
        ${children}
        ${error && html`<${ErrorNote} error=${error} />`}
        <footer class="dialog-foot">
          <${Button} label=${t('common.cancel')} onClick=${onClose} />
          <${Button} type="submit" tone=${tone} icon=${submitIcon} label=${submit} busy=${busy} disabled=${disabled} />
        </footer>
      </form>
    <//>
  `;
}
