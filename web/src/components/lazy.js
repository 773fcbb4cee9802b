// A part of the page whose code is loaded when it is first shown.
import { useEffect, useState } from 'preact/hooks';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { ErrorNote } from './error-note.js';
import { Loading } from './progress.js';

/** @type {Map<() => Promise<any>, any>} what was loaded already, so that it is drawn at once the next time */
const loaded = new Map();

/**
 * @param {{load: () => Promise<any>, quiet?: boolean, [property: string]: any}} props `load` gives the component and is the
 *   same function each time; `quiet` shows nothing meanwhile, for dialogs; all else is passed to it
 */
export function Lazy({ load, quiet, ...rest }) {
  const [, redraw] = useState(0);
  const [error, setError] = useState(/** @type {unknown} */ (null));
  useEffect(() => {
    let shown = true;
    setError(null);
    if (loaded.has(load)) return undefined;
    load().then(
      (component) => {
        loaded.set(load, component);
        if (shown) redraw((count) => count + 1);
      },
      (problem) => shown && setError(problem),
    );
    return () => {
      shown = false;
    };
  }, [load]);
  const Component = loaded.get(load);
  if (Component) return html`<${Component} ...${rest} />`;
  // A module that failed to load is remembered so by the browser: only a new page asks again.
  if (error) return html`<${ErrorNote} error=${error} onRetry=${() => location.reload()} />`;
  if (quiet) return null;
  return html`<${Loading} label=${t('common.loading')} />`;
}
