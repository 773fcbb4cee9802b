// Search, filters and order of the accounts. What is chosen, but not what is searched for, is remembered.
import { useState } from 'preact/hooks';
import { Select } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { remember, remembered } from '../preferences.js';

/** @typedef {import('./selection.js').Selection} Selection */

const ORDERS = ['added', 'name', 'used', 'expires'];

/** @returns {[Selection, (change: Partial<Selection>) => void]} */
export function useSelection() {
  const [selection, setSelection] = useState(() => {
    const order = remembered('accounts.order') ?? '';
    return /** @type {Selection} */ ({
      search: '',
      kind: 'all',
      state: 'all',
      order: ORDERS.includes(order) ? order : 'added',
    });
  });
  const change = (/** @type {Partial<Selection>} */ changed) => {
    if (changed.order) remember('accounts.order', changed.order);
    setSelection((before) => ({ ...before, ...changed }));
  };
  return [selection, change];
}

/**
 * @param {{selection: Selection, onChange: (change: Partial<Selection>) => void, shown: number, all: number}} props
 */
export function Toolbar({ selection, onChange, shown, all }) {
  const leave = (/** @type {any} */ event) => {
    if (event.key !== 'Escape') return;
    onChange({ search: '' });
    event.currentTarget.blur();
  };
  return html`
    <div class="toolbar" role="search" aria-label=${t('accounts.search')}>
      <div class="search">
        <${Icon} name="search" />
        <input
          type="search" aria-label=${t('accounts.search')} placeholder=${t('accounts.search')} value=${selection.search}
          autocomplete="off" spellcheck=${false} aria-keyshortcuts="/"
          onInput=${(/** @type {any} */ event) => onChange({ search: event.currentTarget.value })}
          onKeyDown=${leave}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <${Select}
        label=${t('filter.kind')} value=${selection.kind} hideLabel inline onChange=${(/** @type {any} */ kind) => onChange({ kind })}
        options=${[
          { value: 'all', label: t('filter.all_kinds') },
          { value: 'api_key', label: t('filter.api_keys') },
          { value: 'oauth', label: t('filter.logins') },
        ]}
      />
      <${Select}
        label=${t('filter.state')} value=${selection.state} hideLabel inline onChange=${(/** @type {any} */ state) => onChange({ state })}
        options=${[
          { value: 'all', label: t('filter.all_states') },
          { value: 'ok', label: t('filter.ready') },
          { value: 'attention', label: t('filter.attention') },
          { value: 'running', label: t('filter.running') },
        ]}
      />
      <${Select}
        label=${t('filter.order')} value=${selection.order} hideLabel inline onChange=${(/** @type {any} */ order) => onChange({ order })}
        options=${[
          { value: 'added', label: t('order.added') },
          { value: 'name', label: t('order.name') },
          { value: 'used', label: t('order.used') },
          { value: 'expires', label: t('order.expires') },
        ]}
      />
      <p class="toolbar-count dim" role="status">${shown === all ? '' : t('accounts.shown', { shown, all })}</p>
    </div>
  `;
}
