import { html } from '../html.js';
import { Icon } from './icon.js';

/** @param {{icon: string, title: string, text?: string, children?: import('../types.js').Children}} props */
export function EmptyState({ icon, title, text, children }) {
  return html`
    <div class="empty">
      <${Icon} name=${icon} size=${28} />
      <h2>${title}</h2>
      ${text && html`<p class="dim">${text}</p>`}
      ${children && html`<div class="row">${children}</div>`}
    </div>
  `;
}
