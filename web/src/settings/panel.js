import { useId } from 'preact/hooks';
import { html } from '../html.js';

/** @param {{title: string, explanation?: import('../types.js').Children, actions?: import('../types.js').Children, children?: import('../types.js').Children}} props */
export function Panel({ title, explanation, actions, children }) {
  const id = useId();
  return html`
    <section class="setting" aria-labelledby=${id}>
      <div class="setting-head">
        <h2 id=${id}>${title}</h2>
        ${explanation && html`<p class="dim">${explanation}</p>`}
        ${actions && html`<div class="row">${actions}</div>`}
      </div>
      <div class="setting-body">${children}</div>
    </section>
  `;
}
