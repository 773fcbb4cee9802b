// Tabs, panes and the list beside them, once everything they need is there.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { Button } from '../components/button.js';
import { Dialog } from '../components/dialog.js';
import { EmptyState } from '../components/empty-state.js';
import { report } from '../components/toast.js';
import { useShortcut } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { navigate } from '../router.js';
import { QuestionDialog } from './dialogs.js';
import { NewSessionDialog, newRequest } from './new-session.js';
import { Panes } from './panes.js';
import { SessionList } from './session-list.js';
import { downloadRecording, endSession, isRunning } from './sessions.js';
import { TabBar } from './tab-bar.js';
import { useMedia } from './use-media.js';
import { useWorkspace } from './use-workspace.js';
import { activeTab, closeTab, fillPane, focusTab, openTab, paneOf } from './workspace.js';

/** @typedef {import('./sessions.js').Session} Session */
/** @typedef {import('./dialogs.js').Question} Question */
/** @typedef {import('../components/menu.js').MenuEntry} MenuEntry */

/** Too narrow for panes side by side, and for the list beside them. */
export const NARROW = '(max-width: 720px)';

/** @type {WeakSet<object>} what was handed over once is not started again, whatever is drawn anew */
const launched = new WeakSet();

/**
 * @param {{
 *   connection: import('./connection.js').TerminalConnection, list: Session[], accounts: import('../types.js').Account[],
 *   launch: import('../types.js').Launch|null,
 * }} props
 */
export function Workbench({ connection, list, accounts, launch }) {
  const byId = useMemo(() => new Map(list.map((session) => [session.id, session])), [list]);
  const [workspace, change] = useWorkspace((id) => byId.has(id));
  const [question, setQuestion] = useState(/** @type {Question|null} */ (null));
  /** Where a new session goes: a pane, or `tab` for a tab of its own. */
  const [asking, setAsking] = useState(/** @type {string|null} */ (null));
  const narrow = useMedia(NARROW);
  const [listed, setListed] = useState(!narrow);
  useEffect(() => setListed(!narrow), [narrow]);

  useEffect(() => {
    if (!launch || launched.has(launch)) return;
    launched.add(launch);
    if (launch.ask) {
      setAsking('tab');
      return;
    }
    change((before) => openTab(before, { session: null, request: newRequest(launch) }));
  }, [launch]);
  useShortcut('ctrl+escape', () => navigate('/accounts'), {
    description: () => t('terminal.key_close'),
    anywhere: true,
  });

  const sessionOf = (/** @type {string} */ pane) => byId.get(workspace.panes[pane]?.session ?? '') ?? null;
  const open = (/** @type {Session} */ session) => {
    change((before) => openTab(before, { session: session.id, request: null }));
    if (narrow) setListed(false);
  };
  const start = (/** @type {import('./workspace.js').StartRequest} */ request) => {
    const content = { session: null, request };
    const pane = asking;
    setAsking(null);
    change((before) =>
      pane !== null && pane in before.panes ? fillPane(before, pane, content) : openTab(before, content),
    );
  };
  const askNew = () => {
    setAsking('tab');
    if (narrow) setListed(false);
  };
  const entries = (/** @type {Session} */ session) => sessionEntries(session, setQuestion);
  const sessionList = html`
    <${SessionList}
      list=${list} isOpen=${(/** @type {Session} */ session) => paneOf(workspace, session.id) !== null} onOpen=${open} onNew=${askNew}
      entries=${entries}
    />
  `;
  return html`
    <div class=${`workbench ${listed && !narrow ? 'with-list' : ''}`}>
      <header class="workbench-bar">
        <${Button}
          tone="quiet" icon="menu" label=${t('terminal.sessions')} hideLabel=${narrow} pressed=${listed}
          onClick=${() => setListed(!listed)}
        />
        <${TabBar}
          workspace=${workspace} sessionOf=${sessionOf}
          onSelect=${(/** @type {string} */ tab) => change((before) => focusTab(before, tab))}
          onClose=${(/** @type {string} */ tab) => change((before) => closeTab(before, tab))}
        />
        <${Button} tone="quiet" icon="plus" hideLabel label=${t('terminal.new')} onClick=${askNew} />
      </header>
      ${listed && !narrow && html`<aside class="workbench-list" aria-label=${t('terminal.sessions')}>${sessionList}</aside>`}
      <div class="workbench-panes">
        ${
          activeTab(workspace) === null &&
          html`
            <${EmptyState} icon="terminal" title=${t('terminal.empty')} text=${t('terminal.empty_text')}>
              <${Button} tone="primary" icon="plus" label=${t('terminal.new')} onClick=${askNew} />
            <//>
          `
        }
        <${Panes}
          connection=${connection} workspace=${workspace} change=${change} sessions=${list} sessionOf=${sessionOf} narrow=${narrow}
          onAskNew=${setAsking} onQuestion=${setQuestion} entries=${entries}
        />
      </div>
    </div>
    ${listed && narrow && html`<${Dialog} title=${t('terminal.sessions')} onClose=${() => setListed(false)} class="drawer">${sessionList}<//>`}
    ${
      asking !== null &&
      html`<${NewSessionDialog}
      accounts=${accounts} preferred=${launch?.ask ? launch.account_id : ''} onStart=${start} onClose=${() => setAsking(null)}
    />`
    }
    ${question && html`<${QuestionDialog} question=${question} onClose=${() => setQuestion(null)} />`}
  `;
}

/**
 * What can be done with a session, wherever it is shown.
 * @param {Session} session
 * @param {(question: Question) => void} ask
 * @returns {MenuEntry[]}
 */
function sessionEntries(session, ask) {
  const running = isRunning(session);
  /** @type {MenuEntry[]} */
  const entries = [{ label: t('terminal.rename'), icon: 'edit', run: () => ask({ kind: 'rename', session }) }];
  if (running) entries.push({ label: t('terminal.share'), icon: 'share', run: () => ask({ kind: 'share', session }) });
  if (session.recording) {
    entries.push({
      label: t('terminal.recording_download'),
      icon: 'download',
      run: () => downloadRecording(session.id),
    });
  }
  entries.push('separator');
  if (running)
    entries.push({ label: t('terminal.end'), icon: 'stop', tone: 'bad', run: () => ask({ kind: 'end', session }) });
  else
    entries.push({ label: t('terminal.forget'), icon: 'trash', run: () => void endSession(session.id).catch(report) });
  return entries;
}
