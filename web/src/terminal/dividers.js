// The lines between panes: dragged by pointer, moved by arrow keys.

import { useRef } from 'preact/hooks';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { LEAST_RATIO } from './layout.js';

/** Part of the room that one press of an arrow key moves a line. */
const STEP = 0.02;

/** @typedef {import('./layout.js').Divider} DividerPlace */

/** @param {{divider: DividerPlace, onMove: (split: string, ratio: number) => void}} props */
export function Divider({ divider, onMove }) {
  const { id, direction, ratio } = divider;
  const dragging = useRef(false);
  const row = direction === 'row';

  const dragged = (/** @type {PointerEvent & {currentTarget: HTMLElement}} */ event) => {
    if (dragging.current) onMove(id, ratioAt(divider, event));
  };
  const grabbed = (/** @type {PointerEvent & {currentTarget: HTMLElement}} */ event) => {
    dragging.current = true;
    event.currentTarget.setPointerCapture(event.pointerId);
    event.preventDefault();
    event.currentTarget.focus();
  };
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const target = keyTarget(event.key, row, ratio);
    if (target === null) return;
    event.preventDefault();
    onMove(id, target);
  };
  return html`
    <div
      class=${`divider ${direction}`} role="separator" tabindex="0" aria-orientation=${row ? 'vertical' : 'horizontal'}
      aria-label=${t(row ? 'terminal.divider_row' : 'terminal.divider_column')} aria-valuenow=${Math.round(ratio * 100)}
      aria-valuemin=${LEAST_RATIO * 100} aria-valuemax=${100 - LEAST_RATIO * 100}
      style=${placeStyle(divider)}
      onPointerDown=${grabbed} onPointerMove=${dragged} onKeyDown=${keyed} onDblClick=${() => onMove(id, 0.5)}
      onPointerUp=${() => (dragging.current = false)} onPointerCancel=${() => (dragging.current = false)}
    ></div>
  `;
}

/**
 * @param {import('./layout.js').Rectangle} place
 * @returns {Record<string, string>}
 */
export function placeStyle({ x, y, width, height }) {
  const percent = (/** @type {number} */ part) => `${part * 100}%`;
  return {
    left: percent(x),
    top: percent(y),
    ...(width > 0 && { width: percent(width) }),
    ...(height > 0 && { height: percent(height) }),
  };
}

/**
 * @param {DividerPlace} divider
 * @param {PointerEvent & {currentTarget: HTMLElement}} event
 */
function ratioAt({ direction, area }, event) {
  const box = /** @type {HTMLElement} */ (event.currentTarget.parentElement).getBoundingClientRect();
  if (direction === 'row') return ((event.clientX - box.left) / box.width - area.x) / area.width;
  return ((event.clientY - box.top) / box.height - area.y) / area.height;
}

/**
 * @param {string} key
 * @param {boolean} row
 * @param {number} ratio
 * @returns {number|null}
 */
function keyTarget(key, row, ratio) {
  if (key === (row ? 'ArrowLeft' : 'ArrowUp')) return ratio - STEP;
  if (key === (row ? 'ArrowRight' : 'ArrowDown')) return ratio + STEP;
  if (key === 'Home') return LEAST_RATIO;
  if (key === 'End') return 1 - LEAST_RATIO;
  return null;
}
