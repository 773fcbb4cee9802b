// What this browser remembers about how the page looks. Nothing secret is ever kept here.

const PREFIX = 'claude-accounts.';

/** @typedef {'system'|'light'|'dark'} Theme */

/**
 * A stored text; null if there is none or the browser keeps nothing (private windows).
 * @param {string} name
 */
export function remembered(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // A browser that keeps nothing only forgets the choice at the next visit.
  }
}

export const preferences = {
  /** @returns {Theme} */
  theme() {
    const theme = remembered('theme');
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  },
  /** @param {Theme} theme */
  setTheme(theme) {
    remember('theme', theme);
    applyTheme();
  },
  language: () => remembered('language'),
  /** @param {string} language */
  setLanguage: (language) => remember('language', language),
  shortcuts: () => remembered('shortcuts') !== 'off',
  /** @param {boolean} on */
  setShortcuts: (on) => remember('shortcuts', on ? 'on' : 'off'),
};

/** Tells the style sheets which theme was chosen; the inline script of index.html does the same before the first paint. */
export function applyTheme() {
  const theme = preferences.theme();
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new CustomEvent('theme-changed'));
}
