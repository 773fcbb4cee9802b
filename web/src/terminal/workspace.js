// Which terminals this window shows: tabs, each divided into panes. Pure: every function gives a new workspace.
// A session is in one pane of a window at most; other windows and tabs of the browser have workspaces of their own.

import { leaf, neighbour, paneIds, removePane, setRatio, splitPane } from './layout.js';

/** @typedef {import('./layout.js').Tree} Tree */
/** @typedef {import('./layout.js').Direction} Direction */

/**
 * What is asked of the server for a new session. `sent` is set before it is asked: whatever happens to the page or the
 * connection then, it is not asked a second time. `key` tells one request from another for as long as the page lives.
 * @typedef {{key: number, account_id: string, cwd?: string, kind: 'terminal'|'login', record?: boolean, sent?: boolean}} StartRequest
 */

/** @typedef {{session: string|null, request: StartRequest|null}} Content both null: the pane asks what to show */
/** @typedef {{id: string, tree: Tree, focused: string}} Tab */
/** @typedef {{tabs: Tab[], active: string|null, panes: Record<string, Content>, next: number}} Workspace */

/** @type {Content} */
export const UNDECIDED = { session: null, request: null };

/** @returns {Workspace} */
export function emptyWorkspace() {
  return { tabs: [], active: null, panes: {}, next: 1 };
}

/** @param {Workspace} workspace @returns {Tab|null} */
export function activeTab(workspace) {
  return workspace.tabs.find((tab) => tab.id === workspace.active) ?? null;
}

/** @param {Workspace} workspace @param {string} session @returns {string|null} the pane that shows it */
export function paneOf(workspace, session) {
  return Object.keys(workspace.panes).find((pane) => workspace.panes[pane].session === session) ?? null;
}

/**
 * Shows `content` in a tab of its own; a session that is open already is brought to the front instead.
 * @param {Workspace} workspace
 * @param {Content} content
 * @returns {Workspace}
 */
export function openTab(workspace, content) {
  const open = content.session === null ? null : paneOf(workspace, content.session);
  if (open !== null) return focusPane(workspace, open);
  const { next } = workspace;
  const pane = `pane-${next}`;
  const tab = { id: `tab-${next}`, tree: leaf(pane), focused: pane };
  return {
    tabs: [...workspace.tabs, tab],
    active: tab.id,
    panes: { ...workspace.panes, [pane]: content },
    next: next + 1,
  };
}

/**
 * Divides a pane; the new one, which has the focus, asks what to show.
 * @param {Workspace} workspace
 * @param {string} pane
 * @param {Direction} direction
 * @returns {Workspace}
 */
export function split(workspace, pane, direction) {
  const { next } = workspace;
  const added = `pane-${next}`;
  const changed = changeTab(workspace, tabOf(workspace, pane), (tab) => ({
    ...tab,
    tree: splitPane(tab.tree, pane, direction, added, `split-${next}`),
    focused: added,
  }));
  if (changed === workspace) return workspace;
  return { ...changed, panes: { ...changed.panes, [added]: UNDECIDED }, next: next + 1 };
}

/**
 * Takes a pane away, and its tab with the last one. The session goes on.
 * @param {Workspace} workspace
 * @param {string} pane
 * @returns {Workspace}
 */
export function closePane(workspace, pane) {
  const tab = tabOf(workspace, pane);
  if (tab === null) return workspace;
  const { [pane]: _closed, ...panes } = workspace.panes;
  const tree = removePane(tab.tree, pane);
  if (tree === null) return { ...withoutTab(workspace, tab.id), panes };
  const focused = tab.focused === pane ? paneIds(tree)[0] : tab.focused;
  return { ...changeTab(workspace, tab, () => ({ ...tab, tree, focused })), panes };
}

/**
 * Takes a whole tab away. Its sessions go on.
 * @param {Workspace} workspace
 * @param {string} id
 * @returns {Workspace}
 */
export function closeTab(workspace, id) {
  const tab = workspace.tabs.find((each) => each.id === id);
  return (tab ? paneIds(tab.tree) : []).reduce(closePane, workspace);
}

/**
 * @param {Workspace} workspace
 * @param {string} pane
 * @returns {Workspace}
 */
export function focusPane(workspace, pane) {
  const tab = tabOf(workspace, pane);
  if (tab === null || (workspace.active === tab.id && tab.focused === pane)) return workspace;
  return { ...changeTab(workspace, tab, () => ({ ...tab, focused: pane })), active: tab.id };
}

/**
 * @param {Workspace} workspace
 * @param {string} id
 * @returns {Workspace}
 */
export function focusTab(workspace, id) {
  return workspace.tabs.some((tab) => tab.id === id) ? { ...workspace, active: id } : workspace;
}

/**
 * @param {Workspace} workspace
 * @param {import('./layout.js').Side} side
 * @returns {Workspace} the same if nothing lies there
 */
export function moveFocus(workspace, side) {
  const tab = activeTab(workspace);
  const target = tab && neighbour(tab.tree, tab.focused, side);
  return target ? focusPane(workspace, target) : workspace;
}

/**
 * @param {Workspace} workspace
 * @param {string} splitId
 * @param {number} ratio
 * @returns {Workspace}
 */
export function resizeSplit(workspace, splitId, ratio) {
  return changeTab(workspace, activeTab(workspace), (tab) => ({ ...tab, tree: setRatio(tab.tree, splitId, ratio) }));
}

/**
 * Decides what a pane shows. A session that is open elsewhere in the window moves here.
 * @param {Workspace} workspace
 * @param {string} pane
 * @param {Content} content
 * @returns {Workspace}
 */
export function fillPane(workspace, pane, content) {
  if (!(pane in workspace.panes)) return workspace;
  const elsewhere = content.session === null ? null : paneOf(workspace, content.session);
  const cleared = elsewhere !== null && elsewhere !== pane ? closePane(workspace, elsewhere) : workspace;
  return { ...cleared, panes: { ...cleared.panes, [pane]: content } };
}

/**
 * What is kept over a reload. Requests are not: a reload starts nothing.
 * @param {Workspace} workspace
 */
export function toText(workspace) {
  const sessions = Object.entries(workspace.panes).map(([pane, { session }]) => [pane, session]);
  return JSON.stringify({ ...workspace, panes: Object.fromEntries(sessions) });
}

/**
 * The workspace before the reload, without what is gone; an empty one if the text is none of ours.
 * @param {string|null} text
 * @param {(session: string) => boolean} exists
 * @returns {Workspace}
 */
export function fromText(text, exists) {
  const kept = parsed(text);
  if (kept === null) return emptyWorkspace();
  /** @type {Workspace} */
  let workspace = { ...kept, panes: {} };
  for (const [pane, session] of Object.entries(kept.panes)) {
    workspace.panes[pane] = { session: session === null ? null : String(session), request: null };
  }
  for (const [pane, { session }] of Object.entries(workspace.panes)) {
    if (session === null || !exists(session)) workspace = closePane(workspace, pane);
  }
  return workspace;
}

/**
 * @param {string|null} text
 * @returns {(Omit<Workspace, 'panes'> & {panes: Record<string, string|null>})|null}
 */
function parsed(text) {
  try {
    const kept = JSON.parse(text ?? 'null');
    const whole = Array.isArray(kept?.tabs) && typeof kept.panes === 'object' && Number.isInteger(kept.next);
    const known =
      whole && kept.tabs.every((/** @type {Tab} */ tab) => paneIds(tab.tree).every((id) => id in kept.panes));
    return known ? kept : null;
  } catch {
    return null;
  }
}

/** @param {Workspace} workspace @param {string} pane @returns {Tab|null} */
function tabOf(workspace, pane) {
  return workspace.tabs.find((tab) => paneIds(tab.tree).includes(pane)) ?? null;
}

/**
 * @param {Workspace} workspace
 * @param {Tab|null} tab
 * @param {(tab: Tab) => Tab} change
 * @returns {Workspace}
 */
function changeTab(workspace, tab, change) {
  if (tab === null) return workspace;
  return { ...workspace, tabs: workspace.tabs.map((each) => (each.id === tab.id ? change(each) : each)) };
}

/**
 * @param {Workspace} workspace
 * @param {string} id
 * @returns {Workspace}
 */
function withoutTab(workspace, id) {
  const index = workspace.tabs.findIndex((tab) => tab.id === id);
  const tabs = workspace.tabs.filter((tab) => tab.id !== id);
  const active = workspace.active === id ? (tabs[Math.max(0, index - 1)]?.id ?? null) : workspace.active;
  return { ...workspace, tabs, active };
}
