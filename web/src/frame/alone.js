// A page with one thing to do: set-up and sign-in.
import { useEffect } from 'preact/hooks';
import { html } from '../html.js';
import { LanguageChoice } from './language-choice.js';

/** @param {{title: string, children?: import('../types.js').Children}} props */
export function Alone({ title, children }) {
  useEffect(() => {
    document.title = `${title} · claude-accounts`;
  }, [title]);
  return html`
    <main class="alone" id="main" tabindex="-1">
      <div class="alone-card">
        <div class="alone-head">
          <span class="brand" role="img" aria-label="claude-accounts"
            ><span aria-hidden="true">claude-accounts</span><span aria-hidden="true" class="cursor"></span
          ></span>
          <${LanguageChoice} hideLabel />
        </div>
        <h1>${title}</h1>
        ${children}
      </div>
    </main>
  `;
}
