import { ApiError, Unreachable } from '../api.js';
import { html } from '../html.js';
import { ofServer, t } from '../i18n.js';
import { Icon } from './icon.js';

/**
 * What went wrong and what to do next, in words for people.
 * @param {unknown} error
 * @returns {{message: string, hint: string|null}}
 */
export function explain(error) {
  if (error instanceof Unreachable) return { message: t('error.unreachable'), hint: t('error.unreachable_hint') };
  if (error instanceof ApiError && error.status === 429 && error.retryAfter) {
    return { message: ofServer(error.message), hint: t('error.wait', { count: Math.ceil(error.retryAfter / 60) }) };
  }
  if (error instanceof ApiError) return { message: ofServer(error.message), hint: ofServer(error.hint) };
  return { message: error instanceof Error ? error.message : String(error), hint: null };
}

/** @param {{error: unknown, onRetry?: () => void}} props */
export function ErrorNote({ error, onRetry }) {
  const { message, hint } = explain(error);
  return html`
    <div class="note bad" role="alert">
      <${Icon} name="alert" />
      <div>
        <p>${message}</p>
        ${hint && html`<p class="dim">${hint}</p>`}
        ${onRetry && html`<button type="button" class="link" onClick=${onRetry}>${t('common.try_again')}</button>`}
      </div>
    </div>
  `;
}
