// A pane as it is seen: its bar, its terminal, and what there is to say about it.

import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { Button } from '../components/button.js';
import { copyText } from '../components/copy-button.js';
import { Icon } from '../components/icon.js';
import { Menu } from '../components/menu.js';
import { toast } from '../components/toast.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { placeStyle } from './dividers.js';
import { KeyBar } from './key-bar.js';
import { SearchBar } from './search-bar.js';
import { exitText, titleOf } from './sessions.js';
import { changeFontSize, setScreenReader, useTerminalSettings } from './settings.js';
import { usePane } from './use-pane.js';

/** @typedef {import('./sessions.js').Session} Session */
/** @typedef {import('../components/menu.js').MenuEntry} MenuEntry */

/**
 * @typedef {object} PaneFrameProps
 * @property {import('./connection.js').TerminalConnection} connection
 * @property {import('./workspace.js').Content} content
 * @property {Session|null} session as the list has it; null until it does
 * @property {import('./layout.js').Rectangle|null} place null while the pane is not seen
 * @property {boolean} focused
 * @property {boolean} [watching] by a read-only link: nothing can be done with the session
 * @property {(session: string) => void} onStarted
 * @property {() => void} onFocused
 * @property {(command: Exclude<import('./pane.js').PaneCommand, 'copy'|'paste'|'search'|'leave'>) => void} onCommand
 * @property {(address: string) => void} onLink
 * @property {() => void} onClose
 * @property {(() => void)|null} onStartAgain
 * @property {MenuEntry[]} entries what can be done with the session
 */

/** @param {PaneFrameProps} props */
export function PaneFrame(props) {
  const { content, session, place, focused } = props;
  const [searching, setSearching] = useState(false);
  const [bar, setBar] = useState(/** @type {HTMLElement|null} */ (null));
  const { container, pane, state, ctrl, holdCtrl } = usePane(props.connection, content, {
    onStarted: props.onStarted,
    onLink: props.onLink,
    onFocused: props.onFocused,
    onClipboard: offerClipboard,
    alone: () => (props.session?.viewers ?? 1) <= 1,
    onCommand: (command) => {
      if (command === 'search') setSearching(true);
      else if (command === 'copy') copySelection(pane.current);
      else if (command === 'leave') bar?.querySelector('button')?.focus();
      else if (command !== 'paste') props.onCommand(command);
    },
  });
  const visible = place !== null;
  useEffect(() => pane.current?.setVisible(visible), [visible]);
  // At once, or a key that is typed right after a chord would go to the pane of before.
  useLayoutEffect(() => {
    if (visible && focused) pane.current?.focus();
  }, [visible, focused]);

  const title = session ? titleOf(session) : t(state.starting ? 'terminal.starting' : 'terminal.title');
  const closeSearch = () => {
    setSearching(false);
    pane.current?.focus();
  };
  return html`
    <section
      class=${`pane ${focused ? 'focused' : ''}`} hidden=${!visible} aria-label=${title} style=${place ? placeStyle(place) : {}}
    >
      <header class="pane-bar" ref=${setBar}>
        <span class="pane-title" title=${session?.cwd}>
          ${title}${session && session.account !== title && html`<span class="pane-account">${session.account}</span>`}
        </span>
        <${Badges} state=${state} />
        <${PaneButtons} props=${props} pane=${pane} onSearch=${() => setSearching(true)} />
      </header>
      ${searching && pane.current && html`<${SearchBar} pane=${pane.current} onClose=${closeSearch} />`}
      <div class="pane-body"><div class="pane-terminal" ref=${container}></div></div>
      <${Notes} state=${state} props=${props} />
      ${
        !state.readOnly &&
        !state.ended &&
        html`<${KeyBar} ctrl=${ctrl} onCtrl=${() => holdCtrl(!ctrl)} onKey=${(/** @type {any} */ key) => pane.current?.press(key)} />`
      }
    </section>
  `;
}

/** @param {{state: import('./use-pane.js').PaneState}} props */
function Badges({ state }) {
  return html`
    <span class="pane-badges" role="status">
      ${state.login === 'waiting' && !state.ended && html`<span class="badge attention">${t('terminal.login_waiting')}</span>`}
      ${state.login === 'captured' && html`<span class="badge good"><${Icon} name="check" size=${12} />${t('terminal.login_done')}</span>`}
      ${state.readOnly && !state.ended && html`<span class="badge"><${Icon} name="eye" size=${12} />${t('terminal.read_only')}</span>`}
      ${state.connection === 'lost' && !state.ended && html`<span class="badge attention">${t('terminal.reconnecting')}</span>`}
    </span>
  `;
}

/** @param {{props: PaneFrameProps, pane: {current: import('./pane.js').TerminalPane|null}, onSearch: () => void}} all */
function PaneButtons({ props, pane, onSearch }) {
  const { fontSize, screenReader } = useTerminalSettings();
  const searchButton = html`
    <${Button} tone="quiet" icon="search" hideLabel label=${t('terminal.search')} onClick=${onSearch} class="roomy" />
  `;
  if (props.watching) return html`<span class="pane-buttons">${searchButton}</span>`;
  /** @type {MenuEntry[]} */
  const entries = [
    { label: t('terminal.copy'), icon: 'copy', detail: 'Ctrl+Shift+C', run: () => copySelection(pane.current) },
    { label: t('terminal.paste'), icon: 'capture', detail: 'Ctrl+Shift+V', run: () => paste(pane.current) },
    { label: t('terminal.search'), icon: 'search', detail: 'Ctrl+Shift+F', run: onSearch },
    'separator',
    {
      label: t('terminal.split_row'),
      icon: 'splitrow',
      detail: 'Ctrl+Shift+D',
      run: () => props.onCommand('split-row'),
    },
    {
      label: t('terminal.split_column'),
      icon: 'splitcolumn',
      detail: 'Ctrl+Shift+E',
      run: () => props.onCommand('split-column'),
    },
    'separator',
    { label: t('terminal.font_larger'), icon: 'plus', detail: `${fontSize} px`, run: () => changeFontSize(1) },
    { label: t('terminal.font_smaller'), icon: 'minus', run: () => changeFontSize(-1) },
    {
      label: t(screenReader ? 'terminal.screen_reader_off' : 'terminal.screen_reader_on'),
      icon: 'eye',
      run: () => setScreenReader(!screenReader),
    },
    ...(props.entries.length > 0 ? /** @type {MenuEntry[]} */ (['separator', ...props.entries]) : []),
  ];
  return html`
    <span class="pane-buttons">
      ${searchButton}
      <${Button}
        tone="quiet" icon="splitrow" hideLabel label=${t('terminal.split_row')} onClick=${() => props.onCommand('split-row')} class="roomy"
      />
      <${Button}
        tone="quiet" icon="splitcolumn" hideLabel label=${t('terminal.split_column')} onClick=${() => props.onCommand('split-column')}
        class="roomy"
      />
      <${Menu} label=${t('terminal.menu')} entries=${entries} />
      <${Button} tone="quiet" icon="cross" hideLabel label=${t('terminal.close_pane')} onClick=${props.onClose} />
    </span>
  `;
}

/** @param {{state: import('./use-pane.js').PaneState, props: PaneFrameProps}} all */
function Notes({ state, props }) {
  const exit = state.ended?.exit ?? (props.session?.ended_at ? props.session.exit : null);
  const over = state.ended !== null || Boolean(props.session?.ended_at);
  if (state.problem) {
    return html`
      <div class="pane-note bad" role="alert">
        <p>${state.problem.message}${state.problem.hint && html`<span class="dim"> ${state.problem.hint}</span>`}</p>
        <${NoteButtons} props=${props} />
      </div>
    `;
  }
  if (!over) return null;
  return html`
    <div class="pane-note" role="status">
      <p>${exitText(exit)}</p>
      <${NoteButtons} props=${props} />
    </div>
  `;
}

/** @param {{props: PaneFrameProps}} all */
function NoteButtons({ props }) {
  if (props.watching) return null;
  return html`
    <span class="row">
      ${props.onStartAgain && html`<${Button} icon="play" label=${t('terminal.start_again')} onClick=${props.onStartAgain} />`}
      <${Button} label=${t('terminal.close_pane')} onClick=${props.onClose} />
    </span>
  `;
}

/** @param {import('./pane.js').TerminalPane|null} pane */
async function copySelection(pane) {
  const text = pane?.terminal.getSelection() ?? '';
  if (text === '') {
    toast({ text: t('terminal.nothing_selected') });
    return;
  }
  const done = await copyText(text);
  toast(done ? { text: t('common.copied'), tone: 'ok' } : { text: t('common.copy_failed'), tone: 'bad' });
  pane?.focus();
}

/** @param {import('./pane.js').TerminalPane|null} pane */
async function paste(pane) {
  try {
    pane?.terminal.paste(await navigator.clipboard.readText());
  } catch {
    toast({ text: t('terminal.paste_by_keys') });
  }
  pane?.focus();
}

/** A program's text reaches the clipboard only by the user's own press. @param {string} text */
function offerClipboard(text) {
  toast({
    text: t('terminal.clipboard_offer', { count: text.length }),
    action: { label: t('common.copy'), run: () => void copyText(text) },
  });
}
