import { html } from '../html.js';
import { followLink } from '../router.js';

/** The name as a prompt with its cursor. */
export function Brand() {
  return html`<a class="brand" href="/accounts" onClick=${followLink} aria-label="claude-accounts"
    ><span aria-hidden="true" class="brand-name">claude<wbr />-accounts</span><span aria-hidden="true" class="cursor"></span
  ></a>`;
}
