// One terminal: xterm.js, joined to the channel of its session. It knows no account and no list of sessions.

import './nonce.js';
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { commandOf, touchSequence, withCtrl } from './keys.js';
import { Renderer } from './renderer.js';
import { onSettings, terminalSettings } from './settings.js';
import { onThemeChange, terminalFont, terminalTheme } from './theme.js';
import { writeOutput } from './write.js';

/** @typedef {import('./channel.js').Channel} Channel */
/** @typedef {import('./channel.js').Started} Started */
/** @typedef {import('./channel.js').Exit} Exit */
/** @typedef {import('./channel.js').View} View */
/** @typedef {import('./channel.js').ConnectionState} ConnectionState */
/** @typedef {import('./keys.js').PaneCommand} PaneCommand */

/**
 * What the pane tells whoever shows it.
 * @typedef {object} PaneHost
 * @property {(command: PaneCommand) => void} command a key that the page takes
 * @property {(address: string) => void} link somebody wants to open this address
 * @property {(text: string) => void} clipboard the program asks to copy this text (OSC 52)
 * @property {() => void} focused
 * @property {() => boolean} alone whether nobody else views the session, as far as is known
 * @property {() => void} ctrlUsed the bar's Ctrl has been used up
 * @property {(started: Started) => void} started
 * @property {(exit: Exit) => void} exited
 * @property {(error: {error: string, hint?: string}) => void} failed
 * @property {(login: import('./channel.js').LoginComplete) => void} loginCompleted
 * @property {(state: ConnectionState) => void} connectionChanged
 * @property {(characters: number) => void} inputLost
 */

/** Lines kept above the screen. */
const SCROLLBACK = 10_000;
/** Only these are ever opened. */
const WEB = /^https?:\/\//i;

/** @implements {View} */
export class TerminalPane {
  /** @type {Channel|null} */
  #channel = null;
  #fit = new FitAddon();
  #host;
  #renderer;
  /** @type {(() => void)[]} */
  #endings = [];
  #readOnly = false;
  #attachedBefore = false;
  /** Somebody else's size is shown, not that of this pane. */
  #foreignSize = false;
  #fitWaiting = false;
  ctrlHeld = false;

  /**
   * @param {HTMLElement} container in the page already
   * @param {PaneHost} host
   * @param {string} label for screen readers
   */
  constructor(container, host, label) {
    this.container = container;
    this.#host = host;
    this.search = new SearchAddon();
    this.terminal = new Terminal(options(container, host));
    this.#addAddons();
    this.terminal.open(container);
    this.terminal.textarea?.setAttribute('aria-label', label);
    this.#renderer = new Renderer(this.terminal);
    this.#listen();
    this.#renderer.show(true);
  }

  /** The size that this pane has room for; that of an old terminal while it has none, never 0. */
  get size() {
    return this.room ?? { rows: 24, cols: 80 };
  }

  /** What there is room for; null while the pane is not seen. */
  get room() {
    if (this.container.clientWidth === 0 || this.container.clientHeight === 0) return null;
    const room = this.#fit.proposeDimensions();
    if (!room || !(room.rows >= 1) || !(room.cols >= 2)) return null;
    return { rows: room.rows, cols: room.cols };
  }

  /** @param {Channel} channel */
  join(channel) {
    this.#channel = channel;
  }

  /** @param {boolean} visible */
  setVisible(visible) {
    this.#renderer.show(visible);
    if (visible) this.refit();
  }

  focus() {
    this.terminal.focus();
  }

  /** Types a key of the touch bar. @param {import('./keys.js').TouchKey} key */
  press(key) {
    this.#type(touchSequence(key, this.terminal.modes.applicationCursorKeysMode));
    this.focus();
  }

  /** Takes the room there is, and tells the server, whose rule is: the size of who resized last. */
  refit() {
    if (this.#fitWaiting) return;
    this.#fitWaiting = true;
    // After layout: before it, what is measured is the room of before.
    requestAnimationFrame(() => {
      this.#fitWaiting = false;
      this.#takeSize();
    });
  }

  dispose() {
    for (const end of this.#endings) end();
    this.#renderer.stop();
    this.terminal.dispose();
    this.#channel = null;
  }

  /** @param {Started} started */
  started(started) {
    this.#readOnly = started.read_only;
    this.terminal.options.disableStdin = started.read_only;
    this.#adopt(started.rows, started.cols);
    // Who opens a session looks at it here; who only comes back to it after a dropped connection takes nothing over.
    if (!this.#attachedBefore || this.#hasFocus()) this.terminal.write('', () => this.refit());
    this.#attachedBefore = true;
    this.#host.started(started);
  }

  /**
   * @param {string} data
   * @param {boolean} replace
   * @param {() => void} parsed
   */
  output(data, replace, parsed) {
    writeOutput(this.terminal, data, replace, parsed);
  }

  /**
   * @param {number} rows
   * @param {number} cols
   */
  resized(rows, cols) {
    this.#adopt(rows, cols);
  }

  /** @param {Exit} exit */
  exited(exit) {
    this.terminal.write('', () => {
      this.terminal.options.disableStdin = true;
      this.terminal.options.cursorBlink = false;
    });
    this.#readOnly = true;
    this.#host.exited(exit);
  }

  /** @param {{error: string, hint?: string}} error */
  failed(error) {
    this.#host.failed(error);
  }

  /** @param {import('./channel.js').LoginComplete} login */
  loginCompleted(login) {
    this.#host.loginCompleted(login);
  }

  /** @param {ConnectionState} state */
  connectionChanged(state) {
    this.#host.connectionChanged(state);
  }

  /** @param {number} characters */
  inputLost(characters) {
    this.#host.inputLost(characters);
  }

  #addAddons() {
    const { terminal } = this;
    terminal.loadAddon(this.#fit);
    terminal.loadAddon(this.search);
    terminal.loadAddon(new Unicode11Addon());
    terminal.unicode.activeVersion = '11';
    terminal.loadAddon(new WebLinksAddon((_event, address) => open(this.#host, address)));
    terminal.parser.registerOscHandler(52, (data) => {
      const text = clipboardText(data);
      if (text) this.#host.clipboard(text);
      return true;
    });
  }

  #listen() {
    const { terminal } = this;
    terminal.attachCustomKeyEventHandler((event) => this.#keyed(event));
    terminal.onData((data) => this.#typed(data));
    terminal.textarea?.addEventListener('focus', () => this.#host.focused());
    const observer = new ResizeObserver(() => this.refit());
    observer.observe(this.container);
    this.#endings.push(
      () => observer.disconnect(),
      onThemeChange(() => {
        terminal.options.theme = terminalTheme(this.container);
      }),
      onSettings(() => this.#applySettings()),
    );
    // The font that is measured first may be the one that stands in until the right one is there.
    document.fonts?.ready.then(() => this.terminal.element && this.refit());
  }

  #applySettings() {
    const { fontSize, screenReader } = terminalSettings();
    this.terminal.options.fontSize = fontSize;
    this.terminal.options.screenReaderMode = screenReader;
    this.refit();
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether xterm.js handles it
   */
  #keyed(event) {
    const command = commandOf(event);
    if (command === null) return true;
    // Pasting is the browser's: it gives the text without asking for a permission.
    if (command === 'paste') return false;
    if (event.type === 'keydown') {
      event.preventDefault();
      this.#host.command(command);
    }
    return false;
  }

  /** @param {string} data typed, pasted, or an answer that xterm.js gives to a program's question */
  #typed(data) {
    if (this.#readOnly) return;
    const focused = this.#hasFocus();
    // Every viewer's xterm.js answers a program's questions; one answer is enough.
    if (!focused && !this.#host.alone()) return;
    if (this.ctrlHeld && focused) {
      this.ctrlHeld = false;
      this.#host.ctrlUsed();
      this.#type(withCtrl(data));
    } else this.#type(data);
  }

  /** @param {string} data */
  #type(data) {
    if (this.#readOnly) return;
    if (this.#foreignSize && this.#hasFocus()) this.#takeSize();
    this.#channel?.input(data);
  }

  #hasFocus() {
    return document.hasFocus() && document.activeElement === this.terminal.textarea;
  }

  #takeSize() {
    const room = this.room;
    if (room === null || this.#readOnly) return;
    const { terminal } = this;
    this.#showForeign(false);
    if (room.rows === terminal.rows && room.cols === terminal.cols) return;
    terminal.resize(room.cols, room.rows);
    this.#channel?.resize(room.rows, room.cols);
  }

  /**
   * Takes the size that the terminal has on the server, behind the output of before.
   * @param {number} rows
   * @param {number} cols
   */
  #adopt(rows, cols) {
    if (!(rows >= 1) || !(cols >= 1)) return;
    this.terminal.write('', () => {
      this.terminal.resize(cols, rows);
      const room = this.room;
      this.#showForeign(room !== null && (room.rows !== rows || room.cols !== cols));
    });
  }

  /** @param {boolean} foreign */
  #showForeign(foreign) {
    this.#foreignSize = foreign;
    this.container.classList.toggle('foreign-size', foreign);
  }
}

/**
 * @param {HTMLElement} container
 * @param {PaneHost} host
 * @returns {import('@xterm/xterm').ITerminalOptions}
 */
function options(container, host) {
  const { fontSize, screenReader } = terminalSettings();
  return {
    allowProposedApi: true,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    fontFamily: terminalFont(container),
    fontSize,
    linkHandler: { activate: (_event, address) => open(host, address), allowNonHttpProtocols: false },
    macOptionIsMeta: true,
    minimumContrastRatio: 4.5,
    screenReaderMode: screenReader,
    scrollback: SCROLLBACK,
    theme: terminalTheme(container),
  };
}

/**
 * @param {PaneHost} host
 * @param {string} address
 */
function open(host, address) {
  if (WEB.test(address)) host.link(address);
}

/**
 * The text that an OSC 52 sequence wants on the clipboard; nothing for one that asks what is there, which is not told.
 * @param {string} data `c;BASE64`
 */
function clipboardText(data) {
  const encoded = data.slice(data.indexOf(';') + 1);
  if (encoded === '?' || encoded.length > 1 << 20) return '';
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0)));
  } catch {
    return '';
  }
}
