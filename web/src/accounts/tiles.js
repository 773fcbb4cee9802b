// The numbers at the head of the accounts; each that is a choice of accounts shows them when pressed.
import { Icon } from '../components/icon.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { needsAttention } from './states.js';

/** @typedef {import('./selection.js').StateFilter} StateFilter */

/**
 * @param {{
 *   accounts: import('../types.js').Account[], days: import('../types.js').UsageDay[]|null, state: StateFilter,
 *   onState: (state: StateFilter) => void,
 * }} props
 */
export function Tiles({ accounts, days, state, onState }) {
  const attention = accounts.filter(needsAttention).length;
  const running = accounts.reduce((sum, account) => sum + account.sessions, 0);
  const launches = (days ?? []).reduce(
    (sum, day) => sum + Object.values(day.launches).reduce((all, one) => all + one, 0),
    0,
  );
  /** @type {{filter: StateFilter, label: string, value: number, icon: string, tone?: string}[]} */
  const tiles = [
    { filter: 'all', label: t('tiles.accounts'), value: accounts.length, icon: 'accounts' },
    { filter: 'ok', label: t('tiles.ready'), value: accounts.length - attention, icon: 'check', tone: 'ok' },
    {
      filter: 'attention',
      label: t('tiles.attention'),
      value: attention,
      icon: 'alert',
      tone: attention ? 'attention' : '',
    },
    { filter: 'running', label: t('tiles.running'), value: running, icon: 'terminal' },
  ];
  return html`
    <div class="tiles" role="group" aria-label=${t('tiles.label')}>
      ${tiles.map(
        (tile) => html`
          <button
            key=${tile.filter} type="button" class=${`tile ${tile.tone ?? ''}`} aria-pressed=${state === tile.filter ? 'true' : 'false'}
            onClick=${() => onState(state === tile.filter ? 'all' : tile.filter)}
          >
            <span class="tile-label"><${Icon} name=${tile.icon} size=${14} />${tile.label}</span>
            <span class="tile-value">${tile.value}</span>
          </button>
        `,
      )}
      <div class="tile">
        <span class="tile-label"><${Icon} name="history" size=${14} />${t('tiles.launches')}</span>
        <span class="tile-value">${days ? launches : '–'}</span>
      </div>
    </div>
  `;
}
