// A menu button after the ARIA pattern: arrows, Home, End, letters, Escape; the focus returns to the button. The list
// is a popover, so nothing that it lies in can cut it off.
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { html } from '../html.js';
import { Icon } from './icon.js';

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {string} [icon]
 * @property {() => void} run
 * @property {boolean} [disabled]
 * @property {'bad'} [tone]
 * @property {string} [detail] small, behind the label
 */

/** @typedef {MenuItem | 'separator'} MenuEntry */

const GAP = 4;
const MARGIN = 8;

/**
 * @param {{label: string, entries: MenuEntry[], icon?: string, class?: string, children?: import('../types.js').Children}} props
 *   `children` is what the button shows, an icon unless told
 */
export function Menu({ label, entries, icon = 'more', class: extra = '', children }) {
  const [open, setOpen] = useState(/** @type {null|'first'|'last'} */ (null));
  const button = useRef(/** @type {HTMLButtonElement|null} */ (null));
  const id = useId();
  const close = (/** @type {boolean} */ returnFocus) => {
    setOpen(null);
    if (returnFocus) button.current?.focus();
  };
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    setOpen(event.key === 'ArrowDown' ? 'first' : 'last');
  };
  return html`
    <button
      ref=${button} type="button" class=${`button quiet ${children ? '' : 'icon-only'} ${extra}`} aria-haspopup="menu"
      aria-expanded=${open ? 'true' : 'false'} aria-controls=${open ? id : undefined} aria-label=${label}
      title=${children ? undefined : label}
      onClick=${() => (open ? close(true) : setOpen('first'))} onKeyDown=${keyed}
    >
      ${children ?? html`<${Icon} name=${icon} />`}
    </button>
    ${open && html`<${MenuList} id=${id} label=${label} entries=${entries} start=${open} anchor=${button} onClose=${close} />`}
  `;
}

/**
 * @param {{
 *   id: string, label: string, entries: MenuEntry[], start: 'first'|'last',
 *   anchor: {current: HTMLButtonElement|null}, onClose: (returnFocus: boolean) => void,
 * }} props
 */
function MenuList({ id, label, entries, start, anchor, onClose }) {
  const list = useRef(/** @type {HTMLDivElement|null} */ (null));
  const typed = useRef({ text: '', at: 0 });
  const items = () => /** @type {HTMLElement[]} */ ([...(list.current?.querySelectorAll('[role="menuitem"]') ?? [])]);

  useLayoutEffect(() => {
    list.current?.showPopover?.();
    place(list.current, anchor.current);
    items()
      .at(start === 'first' ? 0 : -1)
      ?.focus();
  }, []);
  useEffect(() => {
    const outside = (/** @type {Event} */ event) => {
      const target = /** @type {Node} */ (event.target);
      if (!list.current?.contains(target) && !anchor.current?.contains(target)) onClose(false);
    };
    const away = () => onClose(false);
    document.addEventListener('pointerdown', outside);
    window.addEventListener('resize', away);
    window.addEventListener('scroll', away, true);
    return () => {
      document.removeEventListener('pointerdown', outside);
      window.removeEventListener('resize', away);
      window.removeEventListener('scroll', away, true);
    };
  }, []);

  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const all = items();
    const index = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = destination(event, all, index, typed.current);
    if (event.key === 'Escape' || event.key === 'Tab') {
      onClose(true);
      if (event.key === 'Escape') event.preventDefault();
      event.stopPropagation();
    } else if (next) {
      event.preventDefault();
      next.focus();
    }
  };
  const choose = (/** @type {MenuItem} */ item) => {
    if (item.disabled) return;
    onClose(true);
    item.run();
  };
  return html`
    <div ref=${list} id=${id} class="menu" role="menu" aria-label=${label} popover="manual" tabindex="-1" onKeyDown=${keyed}>
      ${entries.map((entry, index) =>
        entry === 'separator'
          ? html`<div key=${index} class="menu-line" role="separator"></div>`
          : html`
              <button
                key=${index} type="button" role="menuitem" tabindex="-1" class=${`menu-item ${entry.tone ?? ''}`}
                aria-disabled=${entry.disabled ? 'true' : undefined} onClick=${() => choose(entry)}
              >
                <${Icon} name=${entry.icon ?? ''} />
                <span>${entry.label}</span>
                ${entry.detail && html`<span class="menu-detail">${entry.detail}</span>`}
              </button>
            `,
      )}
    </div>
  `;
}

/**
 * Where a key leads in the list.
 * @param {KeyboardEvent} event
 * @param {HTMLElement[]} all
 * @param {number} index
 * @param {{text: string, at: number}} typed
 */
function destination(event, all, index, typed) {
  switch (event.key) {
    case 'ArrowDown':
      return all[(index + 1) % all.length];
    case 'ArrowUp':
      return all[(index - 1 + all.length) % all.length];
    case 'Home':
      return all[0];
    case 'End':
      return all.at(-1);
    default:
      return byLetters(event, all, index, typed);
  }
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLElement[]} all
 * @param {number} index
 * @param {{text: string, at: number}} typed
 */
function byLetters(event, all, index, typed) {
  if (event.key.length !== 1 || event.key === ' ' || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  typed.text = event.timeStamp - typed.at < 600 ? typed.text + event.key : event.key;
  typed.at = event.timeStamp;
  const wanted = typed.text.toLocaleLowerCase();
  const first = typed.text.length === 1 ? index + 1 : index;
  const order = [...all.slice(first), ...all.slice(0, first)];
  return order.find((item) => item.textContent?.trim().toLocaleLowerCase().startsWith(wanted));
}

/**
 * Puts the list under its button, or over it where it fits only there; where it fits nowhere it covers the button, since
 * a list that is seen whole is worth more.
 * @param {HTMLElement|null} list
 * @param {HTMLElement|null} anchor
 */
function place(list, anchor) {
  if (!list || !anchor) return;
  const from = anchor.getBoundingClientRect();
  const size = list.getBoundingClientRect();
  const lowest = window.innerHeight - MARGIN - size.height;
  const under = from.bottom + GAP;
  const over = from.top - GAP - size.height;
  const top = under <= lowest ? under : over >= MARGIN ? over : lowest;
  const left = Math.min(from.right - size.width, window.innerWidth - size.width - MARGIN);
  list.style.left = `${Math.max(MARGIN, left)}px`;
  list.style.top = `${Math.max(MARGIN, top)}px`;
  list.style.maxHeight = `${window.innerHeight - 2 * MARGIN}px`;
}
