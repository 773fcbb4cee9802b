// Searching in what a terminal has shown.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button } from '../components/button.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { searchMarks } from './theme.js';

/** @param {{pane: import('./pane.js').TerminalPane, onClose: () => void}} props */
export function SearchBar({ pane, onClose }) {
  const [text, setText] = useState('');
  const [results, setResults] = useState({ resultIndex: -1, resultCount: 0 });
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  useLayoutEffect(() => input.current?.focus(), []);
  useEffect(() => {
    const listening = pane.search.onDidChangeResults(setResults);
    return () => {
      listening.dispose();
      pane.search.clearDecorations();
    };
  }, [pane]);

  const find = (/** @type {string} */ wanted, /** @type {boolean} */ back, incremental = false) => {
    const options = { decorations: searchMarks(pane.container), incremental };
    if (wanted === '') pane.search.clearDecorations();
    else if (back) pane.search.findPrevious(wanted, options);
    else pane.search.findNext(wanted, options);
  };
  const typed = (/** @type {string} */ wanted) => {
    setText(wanted);
    if (wanted === '') setResults({ resultIndex: -1, resultCount: 0 });
    find(wanted, true, true);
  };
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Enter') find(text, !event.shiftKey);
    else if (event.key === 'Escape' && !event.ctrlKey) onClose();
    else return;
    event.preventDefault();
  };
  return html`
    <div class="search-bar" role="search" onKeyDown=${keyed}>
      <input
        ref=${input} type="search" aria-label=${t('terminal.search')} placeholder=${t('terminal.search')} value=${text}
        autocomplete="off" spellcheck=${false} onInput=${(/** @type {any} */ event) => typed(event.currentTarget.value)}
      />
      <span class="search-count" role="status">${countText(text, results)}</span>
      <${Button} tone="quiet" icon="up" hideLabel label=${t('terminal.search_previous')} onClick=${() => find(text, true)} />
      <${Button} tone="quiet" icon="down" hideLabel label=${t('terminal.search_next')} onClick=${() => find(text, false)} />
      <${Button} tone="quiet" icon="cross" hideLabel label=${t('terminal.search_close')} onClick=${onClose} />
    </div>
  `;
}

/**
 * @param {string} text
 * @param {{resultIndex: number, resultCount: number}} results
 */
function countText(text, { resultIndex, resultCount }) {
  if (text === '') return '';
  if (resultCount === 0) return t('terminal.search_none');
  // Beyond its limit the search counts no further and gives no position.
  if (resultIndex < 0) return t('terminal.search_many', { count: resultCount });
  return t('terminal.search_position', { position: resultIndex + 1, count: resultCount });
}
