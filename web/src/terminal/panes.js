// The panes of all tabs. They stay in the page while others are shown, so that nothing has to be drawn again, and their
// places are told from outside, so that dividing and moving them takes none away.

import { html } from '../html.js';
import { Chooser } from './chooser.js';
import { Divider } from './dividers.js';
import { paneIds, place } from './layout.js';
import { newRequest } from './new-session.js';
import { PaneFrame } from './pane-frame.js';
import { activeTab, closePane, fillPane, focusPane, moveFocus, paneOf, resizeSplit, split } from './workspace.js';

/** @typedef {import('./sessions.js').Session} Session */
/** @typedef {import('./workspace.js').Workspace} Workspace */
/** @typedef {import('./layout.js').Rectangle} Rectangle */

/** @type {Rectangle} */
const WHOLE = { x: 0, y: 0, width: 1, height: 1 };

/**
 * @typedef {object} PanesProps
 * @property {import('./connection.js').TerminalConnection} connection
 * @property {Workspace} workspace
 * @property {(change: (before: Workspace) => Workspace) => void} change
 * @property {Session[]} sessions
 * @property {(pane: string) => Session|null} sessionOf
 * @property {boolean} narrow only the focused pane is shown, with all the room
 * @property {(pane: string) => void} onAskNew
 * @property {(question: import('./dialogs.js').Question) => void} onQuestion
 * @property {(session: Session) => import('../components/menu.js').MenuEntry[]} entries
 */

/** @param {PanesProps} props */
export function Panes(props) {
  const { workspace, change, narrow } = props;
  const tab = activeTab(workspace);
  const { panes, dividers } = tab ? place(tab.tree) : { panes: [], dividers: [] };
  const seen = new Map(panes.map((pane) => [pane.id, pane]));
  const placeOf = (/** @type {string} */ id) => {
    if (narrow) return id === tab?.focused ? WHOLE : null;
    return seen.get(id) ?? null;
  };
  return html`
    ${workspace.tabs
      .flatMap((each) => paneIds(each.tree))
      .map(
        (id) =>
          html`<${OnePane} key=${paneKey(workspace, id)} id=${id} place=${placeOf(id)} focused=${tab?.focused === id} all=${props} />`,
      )}
    ${
      !narrow &&
      dividers.map(
        (divider) => html`
          <${Divider}
            key=${divider.id} divider=${divider}
            onMove=${(/** @type {string} */ id, /** @type {number} */ ratio) => change((before) => resizeSplit(before, id, ratio))}
          />
        `,
      )
    }
  `;
}

/**
 * Changes with what the pane shows, and only then: a session that a request has started is no other content.
 * @param {Workspace} workspace
 * @param {string} id
 */
function paneKey(workspace, id) {
  const { session, request } = workspace.panes[id];
  return `${id} ${request ? request.key : (session ?? '')}`;
}

/** @param {{id: string, place: Rectangle|null, focused: boolean, all: PanesProps}} props */
function OnePane({ id, place: where, focused, all }) {
  const { workspace, change, connection } = all;
  const content = workspace.panes[id];
  const session = all.sessionOf(id);
  const close = () => change((before) => closePane(before, id));
  const focus = () => change((before) => focusPane(before, id));
  if (content.session === null && content.request === null) {
    return html`
      <${Chooser}
        place=${where} focused=${focused} sessions=${all.sessions.filter((each) => paneOf(workspace, each.id) === null)}
        onSession=${(/** @type {Session} */ each) => change((before) => fillPane(before, id, { session: each.id, request: null }))}
        onNew=${() => all.onAskNew(id)} onClose=${close} onFocused=${focus}
      />
    `;
  }
  const again = againOf(content, session);
  return html`
    <${PaneFrame}
      connection=${connection} content=${content} session=${session} place=${where} focused=${focused}
      entries=${session ? all.entries(session) : []} onClose=${close} onFocused=${focus}
      onStarted=${(/** @type {string} */ started) => change((before) => fillPane(before, id, { ...content, session: started }))}
      onCommand=${(/** @type {any} */ command) => change((before) => obey(before, id, command))}
      onLink=${(/** @type {string} */ address) => all.onQuestion({ kind: 'link', address })}
      onStartAgain=${again && (() => change((before) => fillPane(before, id, { session: null, request: newRequest(again) })))}
    />
  `;
}

/**
 * @param {Workspace} workspace
 * @param {string} pane
 * @param {'split-row'|'split-column'|{move: import('./layout.js').Side}} command
 */
function obey(workspace, pane, command) {
  if (command === 'split-row') return split(workspace, pane, 'row');
  if (command === 'split-column') return split(workspace, pane, 'column');
  return moveFocus(workspace, command.move);
}

/**
 * What would start the same anew, if somebody presses the button for it; null if that is not known.
 * @param {import('./workspace.js').Content} content
 * @param {Session|null} session
 */
function againOf({ request }, session) {
  if (session) return { account_id: session.account_id, cwd: session.cwd, kind: session.kind };
  if (!request) return null;
  const { key: _key, sent: _sent, ...what } = request;
  return what;
}
