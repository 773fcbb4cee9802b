// The terminal's colours, read from the style sheets: styles/terminal.css has them, light and dark.

const COLOURS = [
  'background',
  'foreground',
  'cursor',
  'cursorAccent',
  'selectionBackground',
  'black',
  'red',
  'green',
  'yellow',
  'blue',
  'magenta',
  'cyan',
  'white',
  'brightBlack',
  'brightRed',
  'brightGreen',
  'brightYellow',
  'brightBlue',
  'brightMagenta',
  'brightCyan',
  'brightWhite',
];

/** @param {string} name `brightBlack` → `--terminal-bright-black` */
function property(name) {
  return `--terminal-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * The colours as they are now. They go through an element, so that whatever CSS can say of a colour is understood.
 * @param {HTMLElement} near inside what the style sheets apply to
 * @returns {import('@xterm/xterm').ITheme}
 */
export function terminalTheme(near) {
  return colours(near, COLOURS);
}

/**
 * How matches of a search are marked.
 * @param {HTMLElement} near
 * @returns {import('@xterm/addon-search').ISearchDecorationOptions} each `#rrggbb`, which is all that the addon takes
 */
export function searchMarks(near) {
  const { match, matchActive } = colours(near, ['match', 'matchActive']);
  return {
    matchBackground: hex(match),
    matchOverviewRuler: hex(match),
    activeMatchBackground: hex(matchActive),
    activeMatchColorOverviewRuler: hex(matchActive),
  };
}

/**
 * @param {HTMLElement} near
 * @param {string[]} names
 * @returns {Record<string, string>} as `rgb(…)`
 */
function colours(near, names) {
  const probe = document.createElement('i');
  // A colour on its way to another one would be read where it starts.
  probe.style.transition = 'none';
  near.append(probe);
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of names) {
    probe.style.color = `var(${property(name)})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** @param {string} colour `rgb(1, 2, 3)` */
function hex(colour) {
  const parts = (colour.match(/\d+/g) ?? []).slice(0, 3);
  return `#${parts.map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`;
}

/** @param {HTMLElement} near @returns {string} the page's font for code */
export function terminalFont(near) {
  return getComputedStyle(near).getPropertyValue('--mono').trim() || 'ui-monospace, monospace';
}

/**
 * Calls `listener` when light turns dark or back, by the system or by the setting.
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function onThemeChange(listener) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', listener);
  document.addEventListener('theme-changed', listener);
  return () => {
    dark.removeEventListener('change', listener);
    document.removeEventListener('theme-changed', listener);
  };
}
