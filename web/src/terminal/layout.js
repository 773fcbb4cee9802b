// How a tab is divided into panes: a binary tree, told in fractions of the tab, so that it knows no pixels and no page.

/** @typedef {'row'|'column'} Direction `row`: side by side; `column`: one above the other */
/** @typedef {{type: 'pane', id: string}} Leaf */
/** @typedef {{type: 'split', id: string, direction: Direction, ratio: number, first: Tree, second: Tree}} Split */
/** @typedef {Leaf|Split} Tree */
/** @typedef {{x: number, y: number, width: number, height: number}} Rectangle fractions of the tab */
/** @typedef {Rectangle & {id: string}} PlacedPane */
/** @typedef {Rectangle & {id: string, direction: Direction, ratio: number, area: Rectangle}} Divider */
/** @typedef {'left'|'right'|'up'|'down'} Side */

/** No pane gets less than this part of what it shares. */
export const LEAST_RATIO = 0.1;

/** @param {string} id @returns {Leaf} */
export function leaf(id) {
  return { type: 'pane', id };
}

/**
 * Replaces the pane `id` by two: itself and, right of it or below, `added`.
 * @param {Tree} tree
 * @param {string} id
 * @param {Direction} direction
 * @param {string} added the new pane's id
 * @param {string} split the new split's id
 * @returns {Tree}
 */
export function splitPane(tree, id, direction, added, split) {
  if (tree.type === 'pane') {
    if (tree.id !== id) return tree;
    return { type: 'split', id: split, direction, ratio: 0.5, first: tree, second: leaf(added) };
  }
  const first = splitPane(tree.first, id, direction, added, split);
  const second = splitPane(tree.second, id, direction, added, split);
  return { ...tree, first, second };
}

/**
 * The tree without the pane `id`; its neighbour takes the room.
 * @param {Tree} tree
 * @param {string} id
 * @returns {Tree|null} null if nothing is left
 */
export function removePane(tree, id) {
  if (tree.type === 'pane') return tree.id === id ? null : tree;
  const first = removePane(tree.first, id);
  const second = removePane(tree.second, id);
  if (first === null || second === null) return first ?? second;
  return { ...tree, first, second };
}

/**
 * @param {Tree} tree
 * @param {string} split
 * @param {number} ratio part of the first of the two, kept within bounds
 * @returns {Tree}
 */
export function setRatio(tree, split, ratio) {
  if (tree.type === 'pane') return tree;
  if (tree.id === split) return { ...tree, ratio: Math.min(1 - LEAST_RATIO, Math.max(LEAST_RATIO, ratio)) };
  return { ...tree, first: setRatio(tree.first, split, ratio), second: setRatio(tree.second, split, ratio) };
}

/** @param {Tree} tree @returns {string[]} in reading order */
export function paneIds(tree) {
  return tree.type === 'pane' ? [tree.id] : [...paneIds(tree.first), ...paneIds(tree.second)];
}

/**
 * Where everything is.
 * @param {Tree} tree
 * @param {Rectangle} [area]
 * @returns {{panes: PlacedPane[], dividers: Divider[]}}
 */
export function place(tree, area = { x: 0, y: 0, width: 1, height: 1 }) {
  if (tree.type === 'pane') return { panes: [{ id: tree.id, ...area }], dividers: [] };
  const [before, after] = halves(tree, area);
  const first = place(tree.first, before);
  const second = place(tree.second, after);
  const { id, direction, ratio } = tree;
  const line = direction === 'row' ? { ...after, width: 0 } : { ...after, height: 0 };
  return {
    panes: [...first.panes, ...second.panes],
    dividers: [{ id, direction, ratio, area, ...line }, ...first.dividers, ...second.dividers],
  };
}

/**
 * @param {Split} split
 * @param {Rectangle} area
 * @returns {[Rectangle, Rectangle]}
 */
function halves({ direction, ratio }, area) {
  const { x, y, width, height } = area;
  if (direction === 'row') {
    return [
      { x, y, width: width * ratio, height },
      { x: x + width * ratio, y, width: width * (1 - ratio), height },
    ];
  }
  return [
    { x, y, width, height: height * ratio },
    { x, y: y + height * ratio, width, height: height * (1 - ratio) },
  ];
}

/**
 * The pane that lies beside `id` on that side, at the height of its middle.
 * @param {Tree} tree
 * @param {string} id
 * @param {Side} side
 * @returns {string|null}
 */
export function neighbour(tree, id, side) {
  const { panes } = place(tree);
  const from = panes.find((pane) => pane.id === id);
  if (!from) return null;
  const beside = panes.filter((pane) => pane.id !== id && touches(from, pane, side));
  const middle = side === 'left' || side === 'right' ? from.y + from.height / 2 : from.x + from.width / 2;
  return beside.find((pane) => spans(pane, side, middle))?.id ?? beside[0]?.id ?? null;
}

/** @param {number} one @param {number} other */
const same = (one, other) => Math.abs(one - other) < 1e-6;

/**
 * @param {Rectangle} from
 * @param {Rectangle} pane
 * @param {Side} side
 */
function touches(from, pane, side) {
  const [x, y, width, height] = [from.x, from.y, from.width, from.height];
  const overlapsRows = pane.y < y + height - 1e-6 && pane.y + pane.height > y + 1e-6;
  const overlapsColumns = pane.x < x + width - 1e-6 && pane.x + pane.width > x + 1e-6;
  if (side === 'left') return overlapsRows && same(pane.x + pane.width, x);
  if (side === 'right') return overlapsRows && same(pane.x, x + width);
  if (side === 'up') return overlapsColumns && same(pane.y + pane.height, y);
  return overlapsColumns && same(pane.y, y + height);
}

/**
 * @param {Rectangle} pane
 * @param {Side} side
 * @param {number} middle
 */
function spans(pane, side, middle) {
  const [begin, size] = side === 'left' || side === 'right' ? [pane.y, pane.height] : [pane.x, pane.width];
  return begin <= middle && middle < begin + size;
}
