// The style sheets that only terminals need, loaded with their code.

const SHEETS = ['../../vendor/xterm.css', '../../styles/terminal.css'];

/** @type {Promise<unknown>|null} */
let loading = null;

/** Puts the sheets into the page; once. What is shown before they are there has no size to fit a terminal into. */
export function loadStyles() {
  loading ??= Promise.all(SHEETS.map(load));
  return loading;
}

/** @param {string} path */
function load(path) {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = new URL(path, import.meta.url).href;
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => reject(new Error(`${link.href} could not be loaded`));
    document.head.append(link);
  });
}
