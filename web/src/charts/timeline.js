// When a login was renewed, when it will be, and when it would end.

import './messages.js';
import { dateTime, relative } from '../format.js';
import { useNow } from '../hooks.js';
import { html } from '../html.js';
import { key, t } from '../i18n.js';
import { percentOf, timeLine } from './moments.js';

/** @typedef {import('./moments.js').Moment} Moment */

const HEIGHT = 64;
const BAR = { top: 26, height: 12 };

/** @type {Record<Moment['kind'], string>} */
const WORDS = {
  recorded: key('charts.recorded'),
  renews: key('charts.renews'),
  renewal_due: key('charts.renewal_due'),
  expires: key('charts.expires'),
  expired: key('charts.expired'),
};

/** @param {{account: import('../types.js').Account, history: import('../types.js').Generation[]}} props */
export function Timeline({ account, history }) {
  const now = useNow();
  const line = timeLine(account, history, now);
  const name = t('charts.timeline', { name: account.name });
  // The last storing and what is ahead stand beneath in words; all of it is in the table.
  const stored = line.moments.filter(({ kind }) => kind === 'recorded').at(-1);
  const legend = line.moments.filter((moment) => moment.kind !== 'recorded' || moment === stored);
  return html`
    <figure class="chart timeline">
      <svg role="img" aria-label=${name} width="100%" height=${HEIGHT}>
        <line class="chart-axis" x1="0" x2="100%" y1=${BAR.top + BAR.height / 2} y2=${BAR.top + BAR.height / 2} />
        ${line.spans.map(
          (span) => html`
            <rect
              key=${span.from} class=${`timeline-span ${span.current ? 'current' : ''}`} x=${`${percentOf(line, span.from)}%`}
              width=${`${percentOf(line, span.to) - percentOf(line, span.from)}%`} y=${BAR.top} height=${BAR.height} rx="2"
            />
          `,
        )}
        ${line.moments.map((moment) => html`<${Mark} key=${`${moment.kind}${moment.at}`} moment=${moment} at=${percentOf(line, moment.at)} />`)}
        <${Now} at=${percentOf(line, now)} />
      </svg>
      <figcaption>
        <ul class="chart-legend">
          ${legend.map(
            (moment) => html`
              <li key=${moment.kind}>
                <svg width="12" height="12" aria-hidden="true"><circle class=${`timeline-mark ${moment.kind}`} cx="6" cy="6" r="4.5" /></svg>
                <span title=${dateTime(moment.at)}>${t(WORDS[moment.kind], { when: relative(moment.at, now) })}</span>
              </li>
            `,
          )}
        </ul>
        <details class="chart-table">
          <summary>${t('charts.as_table')}</summary>
          <table>
            <caption class="visually-hidden">${name}</caption>
            <thead><tr><th scope="col">${t('charts.time')}</th><th scope="col">${t('charts.event')}</th></tr></thead>
            <tbody>
              ${line.moments.map(
                (moment) => html`
                  <tr key=${`${moment.kind}${moment.at}`}>
                    <td>${dateTime(moment.at)}</td>
                    <td>${t(WORDS[moment.kind], { when: relative(moment.at, now) })}</td>
                  </tr>
                `,
              )}
            </tbody>
          </table>
        </details>
      </figcaption>
    </figure>
  `;
}

/** @param {{moment: Moment, at: number}} props `at` in percent */
function Mark({ moment, at }) {
  const title = `${t(WORDS[moment.kind], { when: relative(moment.at) })} (${dateTime(moment.at)})`;
  return html`
    <circle class=${`timeline-mark ${moment.kind}`} cx=${`${at}%`} cy=${BAR.top + BAR.height / 2} r="5"><title>${title}</title></circle>
  `;
}

/** @param {{at: number}} props in percent */
function Now({ at }) {
  const anchor = at < 8 ? 'start' : at > 92 ? 'end' : 'middle';
  return html`
    <line class="timeline-now" x1=${`${at}%`} x2=${`${at}%`} y1="16" y2=${HEIGHT - 16} />
    <text class="chart-label" x=${`${at}%`} y="11" text-anchor=${anchor}>${t('charts.now')}</text>
  `;
}
