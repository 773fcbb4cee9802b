// The server's events, by one EventSource for the whole page: nothing here ever polls.
import { checkConnection, onConnection, versionSeen } from './connection.js';

/** @typedef {'accounts'|'sessions'|'signed_out'} EventName */

/** @type {Map<EventName, Set<() => void>>} */
const listeners = new Map([
  ['accounts', new Set()],
  ['sessions', new Set()],
  ['signed_out', new Set()],
]);
/** @type {EventSource|null} */
let source = null;
let wanted = false;

/**
 * Calls `listener` at each event of that name, and once after the connection was away, since events may have been missed.
 * @param {EventName} name
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function onEvent(name, listener) {
  listeners.get(name)?.add(listener);
  return () => listeners.get(name)?.delete(listener);
}

/** Begins to listen; call it once somebody is signed in. */
export function listenToEvents() {
  wanted = true;
  open();
}

/** Stops: nobody is signed in. */
export function stopListening() {
  wanted = false;
  source?.close();
  source = null;
}

function open() {
  source?.close();
  source = new EventSource('/api/events');
  let first = true;
  source.addEventListener('hello', (event) => {
    versionSeen(JSON.parse(event.data).version);
    if (!first) tellMissed();
    first = false;
  });
  for (const name of listeners.keys()) source.addEventListener(name, () => tell(name));
  source.addEventListener('error', () => checkConnection());
}

onConnection((online) => {
  if (!online || !wanted) return;
  // A browser gives up on an EventSource that was refused once, so it is made anew.
  open();
  tellMissed();
});

function tellMissed() {
  tell('accounts');
  tell('sessions');
}

/** @param {EventName} name */
function tell(name) {
  for (const listener of listeners.get(name) ?? []) listener();
}
