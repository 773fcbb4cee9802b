// Addresses of the screens, by the history API: no reload between them.

/** @type {Set<() => void>} */
const listeners = new Set();

/**
 * Shows another address.
 * @param {string} path with its query
 * @param {{replace?: boolean}} [options] `replace` leaves no step back
 */
export function navigate(path, { replace = false } = {}) {
  if (replace) history.replaceState(null, '', path);
  else history.pushState(null, '', path);
  for (const listener of listeners) listener();
}

/**
 * Calls `listener` after each change of the address.
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function onNavigate(listener) {
  listeners.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}

/**
 * Follows a link inside the page, unless the user asked for a new tab or window.
 * @param {MouseEvent} event
 */
export function followLink(event) {
  if (
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey ||
    event.altKey
  ) {
    return;
  }
  const link = /** @type {HTMLAnchorElement} */ (event.currentTarget);
  event.preventDefault();
  navigate(link.pathname + link.search);
}
