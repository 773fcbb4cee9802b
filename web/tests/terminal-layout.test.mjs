// Panes and tabs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  LEAST_RATIO,
  leaf,
  neighbour,
  paneIds,
  place,
  removePane,
  setRatio,
  splitPane,
} from '../src/terminal/layout.js';
import {
  activeTab,
  closePane,
  closeTab,
  emptyWorkspace,
  fillPane,
  focusPane,
  fromText,
  moveFocus,
  openTab,
  paneOf,
  split,
  toText,
} from '../src/terminal/workspace.js';

/** a | b over c */
const three = () => splitPane(splitPane(leaf('a'), 'a', 'row', 'b', 's1'), 'b', 'column', 'c', 's2');
const shows = (/** @type {string} */ session) => ({ session, request: null });

test('panes fill the tab without overlapping', () => {
  const { panes, dividers } = place(three());
  assert.deepEqual(
    panes.map(({ id }) => id),
    ['a', 'b', 'c'],
  );
  assert.equal(dividers.length, 2);
  const area = panes.reduce((sum, { width, height }) => sum + width * height, 0);
  assert.ok(Math.abs(area - 1) < 1e-9);
  assert.deepEqual(panes[2], { id: 'c', x: 0.5, y: 0.5, width: 0.5, height: 0.5 });
});

test('a pane that goes leaves its room to its neighbour', () => {
  const tree = removePane(three(), 'b');
  assert.ok(tree);
  assert.deepEqual(paneIds(tree), ['a', 'c']);
  assert.deepEqual(place(tree).panes[1], { id: 'c', x: 0.5, y: 0, width: 0.5, height: 1 });
  assert.equal(removePane(leaf('a'), 'a'), null);
});

test('no pane is pressed to nothing', () => {
  const widths = (/** @type {number} */ ratio) => place(setRatio(three(), 's1', ratio)).panes[0].width;
  assert.equal(widths(-3), LEAST_RATIO);
  assert.equal(widths(7), 1 - LEAST_RATIO);
  assert.equal(widths(0.25), 0.25);
});

test('the neighbour is the pane that touches that side', () => {
  const tree = three();
  assert.equal(neighbour(tree, 'a', 'right'), 'c');
  assert.equal(neighbour(tree, 'b', 'down'), 'c');
  assert.equal(neighbour(tree, 'c', 'left'), 'a');
  assert.equal(neighbour(tree, 'a', 'left'), null);
  assert.equal(neighbour(tree, 'b', 'up'), null);
});

test('a session is in one pane of a window only', () => {
  let workspace = openTab(openTab(emptyWorkspace(), shows('one')), shows('two'));
  workspace = openTab(workspace, shows('one'));
  assert.equal(workspace.tabs.length, 2);
  assert.equal(activeTab(workspace)?.id, workspace.tabs[0].id);
  workspace = split(workspace, String(paneOf(workspace, 'one')), 'row');
  workspace = fillPane(workspace, String(activeTab(workspace)?.focused), shows('two'));
  assert.equal(workspace.tabs.length, 1);
  assert.deepEqual(
    paneIds(workspace.tabs[0].tree).map((id) => workspace.panes[id].session),
    ['one', 'two'],
  );
});

test('the focus moves between panes and stays when the focused one goes', () => {
  let workspace = openTab(emptyWorkspace(), shows('one'));
  const first = workspace.tabs[0].focused;
  workspace = split(workspace, first, 'row');
  const second = workspace.tabs[0].focused;
  assert.notEqual(first, second);
  workspace = moveFocus(workspace, 'left');
  assert.equal(workspace.tabs[0].focused, first);
  assert.equal(moveFocus(workspace, 'up'), workspace);
  assert.equal(focusPane(workspace, first), workspace);
  workspace = closePane(workspace, first);
  assert.equal(workspace.tabs[0].focused, second);
});

test('a tab goes with its last pane and the one before it comes to the front', () => {
  let workspace = openTab(openTab(openTab(emptyWorkspace(), shows('one')), shows('two')), shows('three'));
  workspace = closeTab(workspace, workspace.tabs[2].id);
  assert.equal(activeTab(workspace)?.id, workspace.tabs[1].id);
  workspace = closeTab(closeTab(workspace, workspace.tabs[0].id), workspace.tabs[1].id);
  assert.deepEqual([workspace.tabs, workspace.active, workspace.panes], [[], null, {}]);
});

test('a reload keeps the sessions that still are, and starts nothing', () => {
  /** @type {import('../src/terminal/workspace.js').StartRequest} */
  const request = { key: 1, account_id: '7', kind: 'terminal' };
  let workspace = openTab(openTab(emptyWorkspace(), shows('kept')), shows('gone'));
  workspace = openTab(workspace, { session: null, request });
  const text = toText(workspace);
  assert.ok(!text.includes('account_id'));
  const again = fromText(text, (session) => session === 'kept');
  assert.deepEqual(Object.values(again.panes), [shows('kept')]);
  assert.equal(again.tabs.length, 1);
  assert.equal(again.active, again.tabs[0].id);
});

test('a damaged memory is an empty workspace', () => {
  for (const text of [null, '', '{', '[]', '{"tabs":1}', '{"tabs":[{"id":"t"}],"panes":{},"next":1}']) {
    assert.deepEqual(
      fromText(text, () => true),
      emptyWorkspace(),
    );
  }
});
