import { html } from '../html.js';

/**
 * How far long work is; without `max` only that it goes on.
 * @param {{label: string, value?: number, max?: number}} props
 */
export function Progress({ label, value, max }) {
  return html`
    <div class="progress">
      <span>${label}</span>
      <progress aria-label=${label} value=${max === undefined ? undefined : value} max=${max}></progress>
    </div>
  `;
}

/** Stands where a list will be. @param {{rows?: number, label: string}} props */
export function Loading({ rows = 3, label }) {
  return html`
    <div class="loading" role="status">
      <span class="visually-hidden">${label}</span>
      ${Array.from({ length: rows }, (_, index) => html`<div key=${index} class="skeleton"></div>`)}
    </div>
  `;
}
