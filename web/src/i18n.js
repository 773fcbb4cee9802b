// Words and forms of the page's language. A message is text with {names} to fill in, or an object of plural forms
// chosen by the parameter `count`. Keys are the same in every language: tests/locales.test.mjs sees to it.
import { preferences } from './preferences.js';
import { patterns, saidBy } from './server-words/pattern.js';

/** @typedef {'en'|'fr'|'zh'} Locale */
/** @typedef {string | {zero?: string, one?: string, two?: string, few?: string, many?: string, other: string}} Message */
/** @typedef {Record<string, Message>} Messages */

/** @type {Record<Locale, string>} Names of the languages, each in itself. */
export const LANGUAGES = { en: 'English', fr: 'Français', zh: '中文' };

/** @type {Record<Locale, Messages>} */
const catalogue = { en: {}, fr: {}, zh: {} };

/** @type {Record<Locale, () => Promise<{default: Messages}>>} */
const loaders = {
  en: () => import('./locales/en.js'),
  fr: () => import('./locales/fr.js'),
  zh: () => import('./locales/zh.js'),
};

/** @typedef {Record<'default'|'ofPasswords'|'withValues', Record<string, string>>} ServerWords */
/** @type {Partial<Record<Locale, () => Promise<ServerWords>>>} */
const serverWords = { fr: () => import('./server-words/fr.js'), zh: () => import('./server-words/zh.js') };

/** @type {Record<string, string>} What the server says: English → the present language. */
let said = {};
/** @type {import('./server-words/pattern.js').Pattern[]} The same with what differs. */
let saidWithValues = [];
/** @type {Locale} */
let current = 'en';
let plurals = new Intl.PluralRules('en');
/** @type {Set<() => void>} */
const listeners = new Set();

/** The language shown now. @returns {Locale} */
export function locale() {
  return current;
}

/** The tag for Intl: the region that the browser names for this language, since dates differ by region. @returns {string} */
export function languageTag() {
  const regional = navigator.languages?.find((tag) => tag.toLowerCase().split('-')[0] === current);
  return regional ?? (current === 'zh' ? 'zh-Hans' : current);
}

/**
 * Adds messages to a language; parts that load later (the terminal) bring their own.
 * @param {Locale} language
 * @param {Messages} messages
 */
export function registerMessages(language, messages) {
  Object.assign(catalogue[language], messages);
}

/**
 * Marks a key that is looked up later than here, so that the test of the catalogues finds it.
 * @param {string} name
 */
export const key = (name) => name;

/**
 * The text of a key in the present language.
 * @param {string} name
 * @param {Record<string, string|number>} [parameters] fills {names}; `count` chooses the plural form
 * @returns {string}
 */
export function t(name, parameters = {}) {
  const message = catalogue[current][name];
  if (message === undefined) return name;
  return fill(form(message, parameters.count), parameters);
}

/**
 * @param {Message} message
 * @param {string|number|undefined} count
 */
function form(message, count) {
  if (typeof message === 'string') return message;
  return message[plurals.select(Number(count ?? 0))] ?? message.other;
}

/**
 * @param {string} text
 * @param {Record<string, string|number>} parameters
 */
function fill(text, parameters) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = parameters[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(languageTag()).format(value) : value;
  });
}

/**
 * What the server has said, in the present language: it speaks English. Sentence by sentence if all of it together is not
 * known; what is not known is as it was.
 * @template {string|null|undefined} T
 * @param {T} text
 * @returns {T|string}
 */
export function ofServer(text) {
  if (!text) return text;
  const ofSentence = (/** @type {string} */ sentence) =>
    said[sentence] ?? saidBy(saidWithValues, sentence, ofServer) ?? sentence;
  return (
    said[text] ??
    text
      .split(/(?<=\.) /)
      .map(ofSentence)
      .join(' ')
  );
}

/** The language to begin with: the one chosen, else the first of the browser's that exists here. @returns {Locale} */
export function preferredLocale() {
  const chosen = preferences.language();
  if (chosen && chosen in catalogue) return /** @type {Locale} */ (chosen);
  for (const tag of navigator.languages ?? []) {
    const base = tag.toLowerCase().split('-')[0];
    if (base in catalogue) return /** @type {Locale} */ (base);
  }
  return 'en';
}

/**
 * Loads a language's words and shows the page in it.
 * @param {Locale} language
 */
export async function setLanguage(language) {
  const [{ default: messages }, words] = await Promise.all([loaders[language](), serverWords[language]?.()]);
  // What a later part has registered under its own keys stays.
  catalogue[language] = { ...messages, ...catalogue[language] };
  current = language;
  said = { ...words?.default, ...words?.ofPasswords };
  saidWithValues = patterns(words?.withValues ?? {});
  plurals = new Intl.PluralRules(languageTag());
  document.documentElement.lang = current === 'zh' ? 'zh-Hans' : current;
  for (const listener of listeners) listener();
}

/**
 * Calls `listener` after each change of language.
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function onLanguage(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
