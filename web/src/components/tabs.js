import { useId, useRef } from 'preact/hooks';
import { html } from '../html.js';

/**
 * Tabs after the ARIA pattern; the arrows move and choose. The panel of the chosen one is `children`.
 * @template {string} V
 * @param {{
 *   label: string, value: V, onChange: (value: V) => void, tabs: {value: V, label: string}[], children?: import('../types.js').Children,
 * }} props
 */
export function Tabs({ label, value, onChange, tabs, children }) {
  const id = useId();
  const list = useRef(/** @type {HTMLDivElement|null} */ (null));
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const index = tabs.findIndex((tab) => tab.value === value);
    const target = { ArrowRight: index + 1, ArrowLeft: index - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[
      event.key
    ];
    if (target === undefined) return;
    event.preventDefault();
    const next = target % tabs.length;
    onChange(tabs[next].value);
    /** @type {HTMLElement|undefined} */ (list.current?.children[next])?.focus();
  };
  return html`
    <div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${keyed}>
      ${tabs.map(
        (tab) => html`
          <button
            key=${tab.value} type="button" role="tab" id=${`${id}-${tab.value}`} aria-controls=${`${id}-panel`}
            aria-selected=${tab.value === value ? 'true' : 'false'} tabindex=${tab.value === value ? 0 : -1}
            onClick=${() => onChange(tab.value)}
          >${tab.label}</button>
        `,
      )}
    </div>
    <div role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-${value}`} class="tab-panel">${children}</div>
  `;
}
