// Times and durations as people read them, in the page's language.
import { languageTag, t } from './i18n.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * The instant of a `YYYY-MM-DD HH:MM:SS` text in UTC; null for none or for a text that is no time.
 * @param {string|null|undefined} text
 * @returns {number|null} epoch milliseconds
 */
export function instant(text) {
  if (!text) return null;
  const at = Date.parse(`${text.replace(' ', 'T')}Z`);
  return Number.isNaN(at) ? null : at;
}

/**
 * How long, in the two largest units: `7 h 59 min`.
 * @param {number} milliseconds
 */
export function duration(milliseconds) {
  const rest = Math.max(0, milliseconds);
  const days = Math.floor(rest / DAY);
  const hours = Math.floor((rest % DAY) / HOUR);
  const minutes = Math.floor((rest % HOUR) / MINUTE);
  if (days > 0) return hours ? t('time.days_hours', { days, hours }) : t('time.days', { days });
  if (hours > 0) return minutes ? t('time.hours_minutes', { hours, minutes }) : t('time.hours', { hours });
  return minutes > 0 ? t('time.minutes', { minutes }) : t('time.under_a_minute');
}

/**
 * An instant as seen from `now`: `3 hours ago`, `in 20 minutes`.
 * @param {number} at
 * @param {number} [now]
 */
export function relative(at, now = Date.now()) {
  const difference = at - now;
  const size = Math.abs(difference);
  const words = new Intl.RelativeTimeFormat(languageTag(), { numeric: 'auto' });
  if (size < MINUTE) return t('time.just_now');
  if (size < HOUR) return words.format(Math.round(difference / MINUTE), 'minute');
  if (size < DAY) return words.format(Math.round(difference / HOUR), 'hour');
  if (size < 30 * DAY) return words.format(Math.round(difference / DAY), 'day');
  return date(at);
}

/** @param {number} at */
export function date(at) {
  return new Intl.DateTimeFormat(languageTag(), { dateStyle: 'medium' }).format(at);
}

/** @param {number} at */
export function dateTime(at) {
  return new Intl.DateTimeFormat(languageTag(), { dateStyle: 'medium', timeStyle: 'short' }).format(at);
}

/** @param {number} count of bytes */
export function bytes(count) {
  const [value, unit] =
    count >= 1 << 20 ? [count / (1 << 20), 'MiB'] : count >= 1 << 10 ? [count / (1 << 10), 'KiB'] : [count, 'B'];
  return `${new Intl.NumberFormat(languageTag(), { maximumFractionDigits: 1 }).format(value)} ${unit}`;
}
