// The one connection that all panes share. When it drops, it comes back by itself and each pane goes on where it was;
// nothing is ever started by that, and nothing typed is sent twice.

import { t } from '../i18n.js';
import { Channel } from './channel.js';

/** @typedef {import('./channel.js').Started} Started */
/** @typedef {import('./channel.js').View} View */
/** @typedef {import('./channel.js').ConnectionState} ConnectionState */
/** @typedef {import('./workspace.js').StartRequest} StartRequest */
/** @typedef {{rows: number, cols: number}} Size */

/** What the connection needs of a Socket.IO socket. */
/** @typedef {Pick<import('socket.io-client').Socket, 'on'|'emit'|'connect'|'disconnect'|'connected'|'active'>} SocketLike */

/** Milliseconds before asking again after the server itself has hung up. */
const AFTER_HANG_UP = 1000;

/** A refusal of the server, with what to do next. */
export class TerminalError extends Error {
  /** @param {{error: string, hint?: string}} refusal */
  constructor({ error, hint }) {
    super(error);
    this.hint = hint ?? null;
  }
}

export class TerminalConnection {
  #socket;
  /** @type {Map<string, Channel>} */
  #channels = new Map();
  /** @type {{resolve: (started: Started) => void, reject: (error: Error) => void, size: Size}|null} */
  #starting = null;
  /** @type {Promise<unknown>} Starts go one after the other: the answer to one does not say which it answers. */
  #lastStart = Promise.resolve();
  /** @type {ConnectionState} */
  #state = 'connecting';
  /** @type {Set<() => void>} */
  #waiting = new Set();
  /** @type {((session: string) => void)|null} */
  #watched = null;
  /** @type {() => void} */
  onRefused = () => {};

  /** @param {SocketLike} socket not connected yet */
  constructor(socket) {
    this.#socket = socket;
    socket.on('connect', () => this.#connected());
    socket.on('disconnect', (reason) => this.#lost(reason));
    socket.on('connect_error', () => this.#notConnected());
    socket.on('terminal_started', (message) => this.#started(message));
    socket.on('terminal_output', (message) => this.#channels.get(message.session)?.output(message));
    socket.on('terminal_exit', (message) => this.#channels.get(message.session)?.exited(message));
    socket.on('terminal_error', (message) => this.#failed(message));
    this.#forward('terminal_resized', (view, message) => view.resized(message.rows, message.cols));
    this.#forward('login_complete', (view, message) => view.loginCompleted(message));
    socket.connect();
  }

  get state() {
    return this.#state;
  }

  /**
   * Shows a session: what has been output so far and from now on.
   * @param {string} session
   * @param {View} view
   * @param {Size|null} [size] what the view has room for; the terminal takes it at once if nobody else looks at it
   * @returns {Channel}
   */
  attach(session, view, size = null) {
    let channel = this.#channels.get(session);
    if (!channel) {
      channel = this.#open(session);
      channel.size = size;
      if (this.#socket.connected) channel.attach();
    }
    channel.bind(view);
    view.connectionChanged(this.#state);
    return channel;
  }

  /** @param {string} session it goes on running */
  detach(session) {
    this.#channels.get(session)?.close();
    this.#channels.delete(session);
  }

  /**
   * Starts a session. To be asked once for each: if the connection goes before the answer, whether it runs is for the
   * list of sessions to say.
   * @param {StartRequest} request
   * @param {Size} size
   * @returns {Promise<Started>} its output waits until `attach`
   */
  start(request, size) {
    const started = this.#lastStart.then(() => this.#startNow(request, size));
    this.#lastStart = started.catch(() => {});
    return started;
  }

  /** Ends the connection for good; sessions go on running. */
  close() {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
    this.#socket.disconnect();
  }

  /** Tries at once instead of at the end of the waiting time. */
  hurry() {
    if (!this.#socket.connected) this.#socket.connect();
  }

  /**
   * For watchers, who learn from the server which session it is.
   * @param {(session: string) => void} found
   */
  onWatched(found) {
    this.#watched = found;
    this.#socket.on('connect', () => {
      if (this.#channels.size === 0) this.#socket.emit('start_terminal', {});
    });
  }

  /** @param {StartRequest} request @param {Size} size @returns {Promise<Started>} */
  async #startNow(request, size) {
    await this.#connection();
    const { kind, account_id, cwd, record } = request;
    const payload = { account_id, ...(cwd && { cwd }), ...(record !== undefined && { record }), ...size };
    return new Promise((resolve, reject) => {
      const mine = { resolve, reject, size };
      this.#starting = mine;
      request.sent = true;
      this.#socket.emit(kind === 'login' ? 'start_login' : 'start_terminal', payload, (/** @type {any} */ answer) => {
        // A refusal comes twice, as an event and as this answer; by now another start may wait for its own.
        if (answer?.error && this.#starting === mine) this.#startFailed(new TerminalError(answer));
      });
    });
  }

  /** @returns {Promise<void>} */
  #connection() {
    if (this.#socket.connected) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** @param {string} session */
  #open(session) {
    const channel = new Channel(session, (event, payload, answered) => {
      // Socket.IO would keep it and send it after the connection is back, when it is too late.
      if (!this.#socket.connected) return;
      if (answered) this.#socket.emit(event, payload, answered);
      else this.#socket.emit(event, payload);
    });
    this.#channels.set(session, channel);
    return channel;
  }

  #connected() {
    this.#tell('connected');
    for (const channel of this.#channels.values()) if (!channel.ended) channel.attach();
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** @param {string} reason */
  #lost(reason) {
    for (const channel of this.#channels.values()) channel.lost();
    this.#startFailed(new Error(t('terminal.start_unknown')));
    this.#tell('lost');
    if (reason === 'io server disconnect') setTimeout(() => this.hurry(), AFTER_HANG_UP);
  }

  #notConnected() {
    // An active socket tries again; one that is not was refused by the server.
    if (this.#socket.active) return this.#tell('lost');
    this.#tell('refused');
    this.onRefused();
  }

  /** @param {Started} message */
  #started(message) {
    const known = this.#channels.get(message.session);
    // Nobody here has asked for it: a pane that was closed before its answer came.
    if (!known && !this.#starting && !this.#watched) return;
    const channel = known ?? this.#open(message.session);
    channel.deliver((view) => view.started(message));
    if (known) return;
    channel.size = this.#starting?.size ?? null;
    this.#starting?.resolve(message);
    this.#starting = null;
    this.#watched?.(message.session);
  }

  /** @param {{session?: string, error: string, hint?: string}} message */
  #failed(message) {
    const channel = message.session === undefined ? undefined : this.#channels.get(message.session);
    if (channel) channel.deliver((view) => view.failed(message));
    else this.#startFailed(new TerminalError(message));
  }

  /** @param {Error} error */
  #startFailed(error) {
    this.#starting?.reject(error);
    this.#starting = null;
  }

  /**
   * @param {string} event
   * @param {(view: View, message: any) => void} pass
   */
  #forward(event, pass) {
    this.#socket.on(event, (message) => this.#channels.get(message.session)?.deliver((view) => pass(view, message)));
  }

  /** @param {ConnectionState} state */
  #tell(state) {
    this.#state = state;
    for (const channel of this.#channels.values()) channel.deliver((view) => view.connectionChanged(state));
  }
}
