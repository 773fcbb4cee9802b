// The life of a pane's terminal: made when the pane appears, joined to a running session or to one that it starts,
// gone with the pane. The session itself outlives it.

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { toast } from '../components/toast.js';
import { ofServer, t } from '../i18n.js';
import { TerminalPane } from './pane.js';

/** @typedef {import('./workspace.js').Content} Content */
/** @typedef {import('./channel.js').Exit} Exit */
/** @typedef {import('./channel.js').ConnectionState} ConnectionState */
/** @typedef {import('./pane.js').PaneCommand} PaneCommand */

/**
 * What a pane shows besides its terminal.
 * @typedef {object} PaneState
 * @property {ConnectionState} connection
 * @property {{exit: Exit}|null} ended
 * @property {{message: string, hint: string|null}|null} problem
 * @property {'waiting'|'captured'|null} login
 * @property {boolean} readOnly
 * @property {boolean} starting
 */

/**
 * @typedef {object} PaneActions
 * @property {(session: string) => void} onStarted
 * @property {(command: PaneCommand) => void} onCommand
 * @property {(address: string) => void} onLink
 * @property {(text: string) => void} onClipboard
 * @property {() => void} onFocused
 * @property {() => boolean} alone
 */

/** @type {PaneState} */
const FRESH = { connection: 'connecting', ended: null, problem: null, login: null, readOnly: false, starting: false };

/**
 * @param {import('./connection.js').TerminalConnection} connection
 * @param {Content} content
 * @param {PaneActions} actions
 */
export function usePane(connection, content, actions) {
  const container = useRef(/** @type {HTMLDivElement|null} */ (null));
  const pane = useRef(/** @type {TerminalPane|null} */ (null));
  const [state, setState] = useState(FRESH);
  const [ctrl, setCtrl] = useState(false);
  const latest = useRef(actions);
  latest.current = actions;

  useLayoutEffect(() => {
    if (!container.current) return undefined;
    const change = (/** @type {Partial<PaneState>} */ part) => setState((before) => ({ ...before, ...part }));
    const made = new TerminalPane(container.current, host(latest, change, setCtrl), t('terminal.input_label'));
    pane.current = made;
    const leave = join(connection, content, made, latest, change);
    return () => {
      pane.current = null;
      leave();
      made.dispose();
    };
  }, []);

  const holdCtrl = (/** @type {boolean} */ held) => {
    setCtrl(held);
    if (pane.current) pane.current.ctrlHeld = held;
    pane.current?.focus();
  };
  return { container, pane, state, ctrl, holdCtrl };
}

/**
 * @param {{current: PaneActions}} latest
 * @param {(part: Partial<PaneState>) => void} change
 * @param {(held: boolean) => void} setCtrl
 * @returns {import('./pane.js').PaneHost}
 */
function host(latest, change, setCtrl) {
  let captured = false;
  return {
    command: (command) => latest.current.onCommand(command),
    link: (address) => latest.current.onLink(address),
    clipboard: (text) => latest.current.onClipboard(text),
    focused: () => latest.current.onFocused(),
    alone: () => latest.current.alone(),
    ctrlUsed: () => setCtrl(false),
    started: ({ kind, read_only }) => {
      if (kind === 'login' && !captured) change({ login: 'waiting' });
      change({ readOnly: read_only, problem: null, starting: false });
    },
    exited: (exit) => change({ ended: { exit } }),
    failed: ({ error, hint }) => change({ problem: { message: error, hint: hint ?? null } }),
    loginCompleted: (login) => {
      if (!login.captured || captured) return;
      captured = true;
      change({ login: 'captured' });
      toast({ text: t('terminal.login_captured', { token: login.token_preview }), tone: 'ok' });
    },
    connectionChanged: (connection) => change({ connection }),
    inputLost: (count) => toast({ text: t('terminal.input_lost', { count }), tone: 'bad' }),
  };
}

/**
 * @param {import('./connection.js').TerminalConnection} connection
 * @param {Content} content
 * @param {TerminalPane} pane
 * @param {{current: PaneActions}} latest
 * @param {(part: Partial<PaneState>) => void} change
 * @returns {() => void} leaves the session to itself
 */
function join(connection, content, pane, latest, change) {
  let gone = false;
  let session = content.session;
  const attach = (/** @type {string} */ id) => pane.join(connection.attach(id, pane, pane.room));
  if (session !== null) attach(session);
  else if (content.request && !content.request.sent) {
    change({ starting: true });
    connection.start(content.request, pane.size).then(
      (started) => {
        if (gone) return connection.detach(started.session);
        session = started.session;
        attach(session);
        latest.current.onStarted(session);
      },
      (error) =>
        change({ starting: false, problem: { message: ofServer(error.message), hint: ofServer(error.hint ?? null) } }),
    );
  }
  return () => {
    gone = true;
    if (session !== null) connection.detach(session);
  };
}
