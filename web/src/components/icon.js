// The page's drawings: lines on a grid of 16, in the colour of the text beside them. They never stand alone: a word or
// a label always says the same.
import { html } from '../html.js';

/** @type {Record<string, string[]>} */
const PATHS = {
  accounts: [
    'M6 8.5a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5Z',
    'M1.5 13.5c.4-2.2 2.1-3.5 4.5-3.5s4.1 1.3 4.5 3.5',
    'M10.5 3.3a2.5 2.5 0 0 1 0 4.9',
    'M12 10.3c1.4.5 2.2 1.6 2.5 3.2',
  ],
  terminal: ['M2 3h12v10H2z', 'm4.5 6 2 2-2 2', 'M8 10h3.5'],
  folder: ['M1.8 12.5v-9h4.3l1.5 1.8h6.6v7.2z'],
  transfer: ['M5 13V3', 'M2.3 5.7 5 3l2.7 2.7', 'M11 3v10', 'm8.3 10.3 2.7 2.7 2.7-2.7'],
  alias: ['m2.5 4.5 3.5 3.5-3.5 3.5', 'M8 11.5h5.5'],
  audit: ['M3 2h10v12H3z', 'M5.5 5.3h5', 'M5.5 8h5', 'M5.5 10.7h3'],
  settings: [
    'M2 4.5h6',
    'M12 4.5h2',
    'M10 6.3a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z',
    'M2 11.5h2',
    'M8 11.5h6',
    'M6 13.3a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z',
  ],
  search: ['M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9Z', 'm10.3 10.3 3.7 3.7'],
  plus: ['M8 3v10', 'M3 8h10'],
  refresh: ['M13.5 8a5.5 5.5 0 0 1-10 3.1', 'M2.5 8a5.5 5.5 0 0 1 10-3.1', 'M12.7 2v3h-3', 'M3.3 14v-3h3'],
  play: ['M4.5 3v10l8-5z'],
  more: ['M3.5 8h.01', 'M8 8h.01', 'M12.5 8h.01'],
  check: ['m3 8.5 3.3 3.3L13 5'],
  clock: ['M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z', 'M8 4.8V8l2.2 1.5'],
  alert: ['M8 2.3 14.5 13.5h-13z', 'M8 6.5v3.2', 'M8 11.7h.01'],
  key: ['M5.2 13.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4Z', 'M7.5 8 13 2.5', 'm11 4.5 2 2', 'm9.3 6.2 1.4 1.4'],
  cross: ['m4 4 8 8', 'm12 4-8 8'],
  copy: ['M6 6h7.5v7.5H6z', 'M10 6V2.5H2.5V10H6'],
  download: ['M8 2v8.5', 'M4.5 7.3 8 10.7l3.5-3.4', 'M2.5 13.5h11'],
  upload: ['M8 10.7V2.3', 'M4.5 5.5 8 2.2l3.5 3.3', 'M2.5 13.5h11'],
  trash: ['M2.5 4.5h11', 'M6 4.5V2.5h4v2', 'm4 4.5.6 9h6.8l.6-9', 'M6.8 7v4', 'M9.2 7v4'],
  edit: ['m3 10.5-.5 3 3-.5 8-8-2.5-2.5z', 'm9.5 4 2.5 2.5'],
  history: ['M2.5 8a5.5 5.5 0 1 1 1.7 4', 'M2.3 13v-2.7H5', 'M8 5v3.2l2.2 1.3'],
  star: ['m8 2 1.8 3.9 4.2.5-3.1 2.9.8 4.2L8 11.4l-3.7 2.1.8-4.2L2 6.4l4.2-.5z'],
  signin: ['M9 2.5h4.5v11H9', 'M2.5 8H9.5', 'm7 5.3 2.7 2.7L7 10.7'],
  signout: ['M7 2.5H2.5v11H7', 'M6.5 8h7', 'm11 5.3 2.7 2.7L11 10.7'],
  capture: ['M2.5 9.5v4h11v-4', 'M8 2v8', 'M5 7.3l3 3 3-3'],
  menu: ['M2.5 4.5h11', 'M2.5 8h11', 'M2.5 11.5h11'],
  down: ['m4 6.3 4 4 4-4'],
  up: ['m4 9.7 4-4 4 4'],
  minus: ['M3 8h10'],
  stop: ['M4 4h8v8H4z'],
  share: [
    'M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2.2-2.2a2.6 2.6 0 0 0-3.7-3.7l-.9.9',
    'M9.2 6.8a2.6 2.6 0 0 0-3.7 0L3.3 9A2.6 2.6 0 0 0 7 12.7l.9-.9',
  ],
  splitrow: ['M2 3h12v10H2z', 'M8 3v10'],
  splitcolumn: ['M2 3h12v10H2z', 'M2 8h12'],
  help: [
    'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z',
    'M6.3 6.3C6.5 5.3 7.2 4.8 8 4.8c1 0 1.8.7 1.8 1.6 0 1.2-1.8 1.3-1.8 2.6',
    'M8 11.3h.01',
  ],
  lock: ['M3.5 7h9v6.5h-9z', 'M5.5 7V5a2.5 2.5 0 0 1 5 0v2'],
  shield: ['M8 1.8 13 3.5v4c0 3.2-2 5.5-5 6.7-3-1.2-5-3.5-5-6.7v-4z'],
  eye: [
    'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Z',
    'M8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z',
  ],
  broken: ['M3 3h10v10H3z', 'm6 6 4 4', 'm10 6-4 4'],
  none: ['M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z', 'M5 8h6'],
  cloudoff: [
    'M2.5 2.5l11 11',
    'M5 12.5h-.5a2.7 2.7 0 0 1-.3-5.4C4.2 6.5 4.5 6 4.8 5.5',
    'M7 4.2A3.7 3.7 0 0 1 11.5 7.3c1.5 0 2.5 1 2.5 2.4 0 .7-.3 1.3-.7 1.7',
  ],
};

/** @typedef {keyof typeof PATHS} IconName */

/**
 * @param {{name: string, size?: number}} props size in pixels, 16 unless told
 */
export function Icon({ name, size = 16 }) {
  return html`
    <svg class=${`icon icon-${name}`} width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      ${(PATHS[name] ?? []).map((path) => html`<path d=${path} />`)}
    </svg>
  `;
}
