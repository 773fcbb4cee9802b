// The three parts of a login that somebody brings along by hand.
import { useId } from 'preact/hooks';
import { SecretField } from '../components/field.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

/** @typedef {{access: string, refresh: string, expires: string}} Tokens `expires` is local time as a browser's field gives it */

/** @type {Tokens} */
export const NO_TOKENS = { access: '', refresh: '', expires: '' };

/**
 * What to send of them: nothing that was left empty.
 * @param {Tokens} tokens
 */
export function tokenFields({ access, refresh, expires }) {
  /** @type {{access_token?: string, refresh_token?: string, expires_at?: number}} */
  const fields = {};
  if (access.trim()) fields.access_token = access.trim();
  if (refresh.trim()) fields.refresh_token = refresh.trim();
  if (expires) fields.expires_at = new Date(expires).getTime();
  return fields;
}

/** @param {{tokens: Tokens, onChange: (tokens: Tokens) => void, kept?: boolean}} props `kept`: what is left empty stays */
export function TokenFields({ tokens, onChange, kept }) {
  const id = useId();
  const set = (/** @type {Partial<Tokens>} */ change) => onChange({ ...tokens, ...change });
  const stays = kept ? t('edit.stays') : undefined;
  return html`
    <${SecretField} label=${t('tokens.access')} value=${tokens.access} placeholder=${stays ?? 'sk-ant-oat01-…'} onInput=${(/** @type {string} */ access) => set({ access })} />
    <${SecretField}
      label=${t('tokens.refresh')} value=${tokens.refresh} placeholder=${stays ?? 'sk-ant-ort01-…'} hint=${t('tokens.refresh_hint')}
      onInput=${(/** @type {string} */ refresh) => set({ refresh })}
    />
    <div class="field">
      <label for=${id}>${t('tokens.expires')}</label>
      <input
        id=${id} type="datetime-local" value=${tokens.expires}
        onInput=${(/** @type {any} */ event) => set({ expires: event.currentTarget.value })}
      />
    </div>
  `;
}
