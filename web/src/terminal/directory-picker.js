// Choosing a directory of the server's machine: from where one was before, from projects, or step by step.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import './messages.js';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { Dialog } from '../components/dialog.js';
import { ErrorNote } from '../components/error-note.js';
import { Check } from '../components/field.js';
import { Icon } from '../components/icon.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { breadcrumbs } from './paths.js';
import { loadStyles } from './styles.js';

/** @typedef {{name: string, path: string, has_children?: boolean}} Directory */
/** @typedef {{current: string, parent: string|null, dirs: Directory[], truncated: boolean}} Listing */
/** @typedef {{shortcuts: Directory[], projects: Directory[], recent: {path: string, used_at: number}[]}} Known */

/**
 * @param {{title: string, initial?: string, onPick: (path: string) => void, onClose: () => void}} props
 *   `initial` is where it begins: an absolute path, or nothing for the home
 */
export function DirectoryPicker({ title, initial = '', onPick, onClose }) {
  const [hidden, setHidden] = useState(false);
  const { listing, error, open } = useListing(initial, hidden);
  const known = useKnown();
  const styled = useStyled();
  const pick = () => listing && onPick(listing.current);
  if (!styled) return null;
  return html`
    <${Dialog} title=${title} onClose=${onClose} wide class="directory-picker">
      <div class="picker">
        ${known && html`<${KnownPlaces} known=${known} current=${listing?.current} onOpen=${open} />`}
        <div class="picker-main">
          ${listing && html`<${Breadcrumb} path=${listing.current} onOpen=${open} />`}
          ${error !== null && html`<${ErrorNote} error=${error} onRetry=${() => open('')} />`}
          ${listing && html`<${DirectoryList} listing=${listing} onOpen=${open} onPick=${pick} />`}
          <${Check} label=${t('terminal.picker_hidden')} checked=${hidden} onChange=${setHidden} />
        </div>
      </div>
      <footer class="dialog-foot">
        <code class="picker-choice">${listing?.current ?? ''}</code>
        <${Button} label=${t('common.cancel')} onClick=${onClose} />
        <${Button} tone="primary" label=${t('terminal.picker_choose')} onClick=${pick} disabled=${listing === null} />
      </footer>
    <//>
  `;
}

/**
 * The directory that is shown; a later answer to an earlier question is dropped.
 * @param {string} initial
 * @param {boolean} hidden
 */
function useListing(initial, hidden) {
  const [listing, setListing] = useState(/** @type {Listing|null} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const asked = useRef(0);
  const shown = useRef(initial.startsWith('/') ? initial : '');
  const open = useCallback(
    async (/** @type {string} */ path) => {
      const mine = ++asked.current;
      const query = new URLSearchParams({ path, ...(hidden && { hidden: 'true' }) });
      try {
        const found = await api.get(`/api/browse?${query}`);
        if (mine !== asked.current) return;
        shown.current = found.current;
        setListing(found);
        setError(null);
      } catch (problem) {
        if (mine === asked.current) setError(problem);
      }
    },
    [hidden],
  );
  useEffect(() => {
    open(shown.current);
  }, [open]);
  return { listing, error, open };
}

/** @returns {Known|null} */
function useKnown() {
  const [known, setKnown] = useState(/** @type {Known|null} */ (null));
  useEffect(() => {
    // Only a convenience: without it the directories below can still be walked.
    api.get('/api/recent-dirs').then(setKnown, () => {});
  }, []);
  return known;
}

function useStyled() {
  const [styled, setStyled] = useState(false);
  useEffect(() => {
    loadStyles().then(() => setStyled(true));
  }, []);
  return styled;
}

/** @param {{known: Known, current: string|undefined, onOpen: (path: string) => void}} props */
function KnownPlaces({ known, current, onOpen }) {
  const recent = known.recent.map(({ path }) => ({ name: lastName(path), path }));
  const groups = [
    { title: t('terminal.picker_shortcuts'), places: known.shortcuts, icon: 'star' },
    { title: t('terminal.picker_recent'), places: recent, icon: 'clock' },
    { title: t('terminal.picker_projects'), places: known.projects, icon: 'folder' },
  ].filter((group) => group.places.length > 0);
  return html`
    <nav class="picker-known" aria-label=${t('terminal.picker_known')} tabindex="0">
      ${groups.map(
        ({ title, places, icon }) => html`
          <h3 key=${title}>${title}</h3>
          <ul>
            ${places.map(
              ({ name, path }) => html`
                <li key=${path}>
                  <button
                    type="button" title=${path} aria-current=${path === current ? 'true' : undefined} onClick=${() => onOpen(path)}
                  >
                    <${Icon} name=${icon} /><span>${name}</span>
                  </button>
                </li>
              `,
            )}
          </ul>
        `,
      )}
    </nav>
  `;
}

/** @param {string} path */
function lastName(path) {
  return path.slice(path.lastIndexOf('/') + 1) || path;
}

/** @param {{path: string, onOpen: (path: string) => void}} props */
function Breadcrumb({ path, onOpen }) {
  const steps = breadcrumbs(path);
  return html`
    <nav class="breadcrumb" aria-label=${t('terminal.picker_path')}>
      <ol>
        ${steps.map(
          (step, index) => html`
            <li key=${step.path}>
              <button
                type="button" class="link" aria-current=${index === steps.length - 1 ? 'location' : undefined}
                onClick=${() => onOpen(step.path)}
              >${step.name}</button>
            </li>
          `,
        )}
      </ol>
    </nav>
  `;
}

/**
 * The directories in the one that is shown. One of them has the focus; arrows move it, Enter goes in, Backspace out,
 * Ctrl+Enter chooses what is shown.
 * @param {{listing: Listing, onOpen: (path: string) => void, onPick: () => void}} props
 */
function DirectoryList({ listing, onOpen, onPick }) {
  const list = useRef(/** @type {HTMLDivElement|null} */ (null));
  // Where the last step came from; null when it was none of this list's, and the focus is elsewhere.
  const cameFrom = useRef(/** @type {string|null} */ (''));
  const [at, setAt] = useState(0);
  useEffect(() => {
    // Out of a directory the eye stays on it.
    const before = listing.dirs.findIndex((each) => each.path === cameFrom.current);
    setAt(Math.max(0, before));
    if (cameFrom.current !== null) focusEntry(list.current, Math.max(0, before));
    cameFrom.current = null;
  }, [listing]);

  const enter = (/** @type {string} */ path) => {
    cameFrom.current = listing.current;
    onOpen(path);
  };
  const move = (/** @type {number} */ index) => {
    const target = Math.min(listing.dirs.length - 1, Math.max(0, index));
    setAt(target);
    focusEntry(list.current, target);
  };
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: listing.dirs.length - 1 }[event.key];
    if (target !== undefined) move(target);
    else if (event.key === 'Enter' && event.ctrlKey) onPick();
    else if (isOut(event.key) && listing.parent !== null) enter(listing.parent);
    else if (event.key === 'ArrowRight' && listing.dirs[at]) enter(listing.dirs[at].path);
    else return;
    event.preventDefault();
  };
  return html`
    <div class="picker-list" ref=${list} onKeyDown=${keyed}>
      ${
        listing.dirs.length > 0
          ? html`<${Entries} directories=${listing.dirs} at=${at} onFocus=${setAt} onEnter=${enter} />`
          : html`<${Nothing} parent=${listing.parent} onEnter=${enter} />`
      }
    </div>
    ${listing.truncated && html`<p class="hint">${t('terminal.picker_truncated')}</p>`}
  `;
}

/** @param {{directories: Directory[], at: number, onFocus: (index: number) => void, onEnter: (path: string) => void}} props */
function Entries({ directories, at, onFocus, onEnter }) {
  return html`
    <ul aria-label=${t('terminal.picker_list')}>
      ${directories.map(
        ({ name, path, has_children }, index) => html`
          <li key=${path}>
            <button type="button" tabindex=${index === at ? 0 : -1} onFocus=${() => onFocus(index)} onClick=${() => onEnter(path)}>
              <${Icon} name="folder" /><span>${name}</span>
              ${has_children && html`<span class="picker-more" aria-hidden="true">›</span>`}
            </button>
          </li>
        `,
      )}
    </ul>
  `;
}

/** @param {{parent: string|null, onEnter: (path: string) => void}} props */
function Nothing({ parent, onEnter }) {
  return html`
    <div class="picker-nothing">
      <p class="dim">${t('terminal.picker_empty')}</p>
      ${parent !== null && html`<${Button} label=${t('terminal.picker_up')} onClick=${() => onEnter(parent)} />`}
    </div>
  `;
}

/** @param {string} key */
function isOut(key) {
  return key === 'Backspace' || key === 'ArrowLeft';
}

/**
 * @param {HTMLElement|null} list
 * @param {number} index
 */
function focusEntry(list, index) {
  list?.querySelectorAll('button')[index]?.focus();
}
