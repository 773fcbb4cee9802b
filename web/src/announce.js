// Says things to screen readers through live regions that are always in the page. The page's toasts speak by
// themselves; this is for what changes without one.

/**
 * @param {string} text
 * @param {'polite'|'assertive'} [urgency]
 */
export function announce(text, urgency = 'polite') {
  const region = document.getElementById(`live-${urgency}`);
  if (!region) return;
  // The same words twice are a change only if the region was empty between.
  region.textContent = '';
  requestAnimationFrame(() => {
    region.textContent = text;
  });
}
