// How often Claude Code was launched, by day and account.

import './messages.js';
import { date } from '../format.js';
import { html } from '../html.js';
import { languageTag, t } from '../i18n.js';
import { scaleTop, seriesOf, sum } from './stack.js';

/** @typedef {import('./stack.js').Series} Series */
/** @typedef {import('../types.js').UsageDay} UsageDay */

const HEIGHT = 160;
const PLOT = { top: 18, height: 120 };
/** Part of a day's width that its column takes. */
const COLUMN = 0.72;
/** Pixels between what is stacked, so that colours are not needed to see where one ends. */
const GAP = 1;

/** @param {{days: UsageDay[], accounts: {id: string, name: string}[]}} props */
export function UsageChart({ days, accounts }) {
  const series = seriesOf(days, accounts);
  const totals = days.map((_, day) => sum(series.map(({ counts }) => counts[day])));
  const all = sum(totals);
  if (all === 0) return html`<p class="dim">${t('charts.no_launches')}</p>`;
  const top = scaleTop(Math.max(...totals));
  return html`
    <figure class="chart usage">
      <div class="usage-plot">
        <svg role="img" aria-label=${t('charts.usage', { count: all })} width="100%" height=${HEIGHT}>
          ${[0, 0.5, 1].map((part) => html`<${ScaleLine} key=${part} part=${part} top=${top} />`)}
          ${days.map((day, index) => html`<${Column} key=${day.day} day=${day} index=${index} of=${days.length} series=${series} top=${top} />`)}
          <text class="chart-label" x="0" y=${HEIGHT - 2}>${dayName(days[0])}</text>
          <text class="chart-label" x="100%" y=${HEIGHT - 2} text-anchor="end">${dayName(days[days.length - 1])}</text>
        </svg>
      </div>
      <figcaption>
        <ul class="chart-legend">
          ${series.map(
            ({ name, total }, index) => html`
              <li key=${name ?? ''}>
                <svg width="12" height="12" aria-hidden="true"><rect class=${colour(series, index)} width="12" height="12" rx="2" /></svg>
                <span>${name ?? t('charts.others')} <span class="dim">${total}</span></span>
              </li>
            `,
          )}
        </ul>
        <${Table} days=${days} series=${series} totals=${totals} />
      </figcaption>
    </figure>
  `;
}

/** @param {{part: number, top: number}} props */
function ScaleLine({ part, top }) {
  const y = PLOT.top + PLOT.height * (1 - part);
  const value = top * part;
  return html`
    <line class="chart-axis" x1="0" x2="100%" y1=${y} y2=${y} />
    ${part > 0 && Number.isInteger(value) && html`<text class="chart-label" x="0" y=${y - 3}>${new Intl.NumberFormat(languageTag()).format(value)}</text>`}
  `;
}

/** @param {{day: UsageDay, index: number, of: number, series: Series[], top: number}} props */
function Column({ day, index, of, series, top }) {
  const width = 100 / of;
  let below = 0;
  const parts = series.map(({ name, counts }, place) => {
    const count = counts[index];
    const height = (count / top) * PLOT.height;
    const y = PLOT.top + PLOT.height - below - height;
    below += height;
    return { name, count, height: Math.max(1, height - GAP), y, class: colour(series, place) };
  });
  return parts
    .filter(({ count }) => count > 0)
    .map(
      (part) => html`
        <rect
          key=${part.name ?? ''} class=${part.class} x=${`${width * (index + (1 - COLUMN) / 2)}%`} width=${`${width * COLUMN}%`}
          y=${part.y} height=${part.height}
        >
          <title>${dayName(day)}, ${part.name ?? t('charts.others')}: ${t('charts.launches', { count: part.count })}</title>
        </rect>
      `,
    );
}

/** @param {{days: UsageDay[], series: Series[], totals: number[]}} props */
function Table({ days, series, totals }) {
  const newestFirst = days.map((day, index) => ({ day, index })).reverse();
  return html`
    <details class="chart-table">
      <summary>${t('charts.as_table')}</summary>
      <div class="chart-scroll" tabindex="0" role="region" aria-label=${t('charts.as_table')}>
        <table>
          <thead>
            <tr>
              <th scope="col">${t('charts.day')}</th>
              ${series.map(({ name }) => html`<th key=${name ?? ''} scope="col">${name ?? t('charts.others')}</th>`)}
              <th scope="col">${t('charts.total')}</th>
            </tr>
          </thead>
          <tbody>
            ${newestFirst.map(
              ({ day, index }) => html`
                <tr key=${day.day}>
                  <th scope="row">${dayName(day)}</th>
                  ${series.map(({ name, counts }) => html`<td key=${name ?? ''}>${counts[index]}</td>`)}
                  <td>${totals[index]}</td>
                </tr>
              `,
            )}
          </tbody>
        </table>
      </div>
    </details>
  `;
}

/**
 * @param {Series[]} series
 * @param {number} index
 */
function colour(series, index) {
  return series[index].name === null ? 'series-rest' : `series-${index}`;
}

/** A day is a date of the server's calendar, so no time zone may move it. @param {UsageDay} day */
function dayName({ day }) {
  const [year, month, dayOfMonth] = day.split('-').map(Number);
  return date(new Date(year, month - 1, dayOfMonth).getTime());
}
