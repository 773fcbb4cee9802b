// Short messages that go by themselves, with an action such as Undo. They wait while somebody points at them or has
// the focus there.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Cancelled, Unreachable } from '../api.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Button } from './button.js';
import { explain } from './error-note.js';
import { Icon } from './icon.js';

/**
 * @typedef {object} ToastContent
 * @property {string} text
 * @property {'ok'|'bad'|'plain'} [tone]
 * @property {string|null} [detail]
 * @property {{label: string, run: () => void}} [action]
 * @property {number} [seconds] until it goes; 6 unless told, 20 with an action or an error
 */

/** @typedef {ToastContent & {id: number}} ShownToast */

/** @type {ShownToast[]} */
let toasts = [];
let next = 1;
/** @type {Set<() => void>} */
const listeners = new Set();

/** @param {ShownToast[]} now */
function show(now) {
  toasts = now;
  for (const listener of listeners) listener();
}

/**
 * Shows a message.
 * @param {ToastContent} content
 * @returns {() => void} takes it away
 */
export function toast(content) {
  const id = next++;
  show([...toasts.slice(-3), { ...content, id }]);
  return () => dismiss(id);
}

/** @param {number} id */
function dismiss(id) {
  show(toasts.filter((each) => each.id !== id));
}

/**
 * Says what went wrong. A question that was closed and a server that is gone are not said: the first is known, and the
 * second stands in the banner.
 * @param {unknown} error
 */
export function report(error) {
  if (error instanceof Cancelled || error instanceof Unreachable) return;
  const { message, hint } = explain(error);
  toast({ text: message, detail: hint, tone: 'bad' });
}

/** Where the messages appear; once in the page, always there. */
export function Toasts() {
  const [, redraw] = useState(0);
  const region = useRef(/** @type {HTMLDivElement|null} */ (null));
  const newest = toasts.at(-1)?.id;
  useLayoutEffect(() => {
    // Over a dialog that opened since: the latest popover lies on top.
    if (document.querySelector('dialog[open]')) region.current?.hidePopover?.();
    if (!region.current?.matches(':popover-open')) region.current?.showPopover?.();
  }, [newest]);
  useEffect(() => {
    const listener = () => redraw((count) => count + 1);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return html`
    <div ref=${region} popover="manual" class="toasts" role="log" aria-live="polite" aria-relevant="additions" aria-label=${t('common.messages')}>
      ${toasts.map((each) => html`<${Toast} key=${each.id} toast=${each} />`)}
    </div>
  `;
}

/** @param {{toast: ShownToast}} props */
function Toast({ toast: { id, text, detail, action, tone = 'plain', seconds } }) {
  const [held, setHeld] = useState(false);
  const left = useRef((seconds ?? (action || tone === 'bad' ? 20 : 6)) * 1000);
  useEffect(() => {
    if (held) return undefined;
    const started = Date.now();
    const timer = setTimeout(() => dismiss(id), left.current);
    return () => {
      clearTimeout(timer);
      left.current = Math.max(1000, left.current - (Date.now() - started));
    };
  }, [held, id]);
  const act = () => {
    dismiss(id);
    action?.run();
  };
  return html`
    <div
      class=${`toast ${tone}`} onPointerEnter=${() => setHeld(true)} onPointerLeave=${() => setHeld(false)}
      onFocusIn=${() => setHeld(true)} onFocusOut=${() => setHeld(false)}
    >
      ${tone !== 'plain' && html`<${Icon} name=${tone === 'bad' ? 'alert' : 'check'} />`}
      <div class="toast-text">
        <p>${text}</p>
        ${detail && html`<p class="dim">${detail}</p>`}
      </div>
      ${action && html`<${Button} label=${action.label} onClick=${act} />`}
      <${Button} tone="quiet" icon="cross" hideLabel label=${t('common.dismiss')} onClick=${() => dismiss(id)} />
    </div>
  `;
}
