import { html } from '../html.js';
import { Icon } from './icon.js';

/** A small mark with a word. @param {{label: string, icon?: string, tone?: string, title?: string}} props */
export function Chip({ label, icon, tone = '', title }) {
  return html`<span class=${`chip ${tone}`} title=${title}>${icon && html`<${Icon} name=${icon} size=${12} />`}${label}</span>`;
}

/** A state: drawing, word and colour. @param {{label: string, icon: string, tone: string}} props */
export function State({ label, icon, tone }) {
  return html`<span class=${`state ${tone}`}><${Icon} name=${icon} /><span>${label}</span></span>`;
}
