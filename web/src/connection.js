// Whether the server answers. When it does not, it is asked again at growing intervals until it does; then everybody
// who listens loads their data anew, or the page itself is loaded anew if the server has another version now.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/** @type {Set<(online: boolean) => void>} */
const listeners = new Set();
let online = true;
/** @type {string|null} */
let version = null;
let wait = FIRST_WAIT;

/** @returns {boolean} */
export function isOnline() {
  return online;
}

/**
 * Calls `listener` when the server goes and when it is back.
 * @param {(online: boolean) => void} listener
 * @returns {() => void} ends it
 */
export function onConnection(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Somebody could not reach the server. */
export function connectionLost() {
  if (!online) return;
  online = false;
  wait = FIRST_WAIT;
  tell();
  setTimeout(tryAgain, wait);
}

/** Something that keeps a connection open lost it; that may be the server's going or not. */
export async function checkConnection() {
  if (online && !(await answers())) connectionLost();
}

/** Asks at once, for the impatient. */
export function tryNow() {
  wait = FIRST_WAIT;
  tryAgain();
}

/**
 * What the server calls its version; another one than before means that this page is out of date.
 * @param {string} now
 */
export function versionSeen(now) {
  if (version !== null && version !== now) location.reload();
  version = now;
}

async function tryAgain() {
  if (online) return;
  if (await answers()) {
    online = true;
    await compareVersion();
    tell();
    return;
  }
  wait = Math.min(wait * 2, LONGEST_WAIT);
  setTimeout(tryAgain, wait);
}

async function answers() {
  try {
    return (await fetch('/healthz', { cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}

async function compareVersion() {
  try {
    const status = await (await fetch('/api/auth/status', { cache: 'no-store' })).json();
    versionSeen(status.version);
  } catch {
    // The next request finds out whether the server has gone again.
  }
}

function tell() {
  for (const listener of listeners) listener(online);
}
