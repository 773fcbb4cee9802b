// The workspace of this window, kept over a reload for as long as its browser tab lives.

import { useCallback, useState } from 'preact/hooks';
import { fromText, toText } from './workspace.js';

/** @typedef {import('./workspace.js').Workspace} Workspace */

const KEY = 'claude-accounts.terminal.workspace';

/**
 * @param {(session: string) => boolean} exists whether the server still has that session
 * @returns {[Workspace, (change: (before: Workspace) => Workspace) => void]}
 */
export function useWorkspace(exists) {
  const [workspace, setWorkspace] = useState(() => fromText(read(), exists));
  const change = useCallback((/** @type {(before: Workspace) => Workspace} */ step) => {
    setWorkspace((before) => {
      const after = step(before);
      if (after !== before) write(toText(after));
      return after;
    });
  }, []);
  return [workspace, change];
}

function read() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** @param {string} text */
function write(text) {
  try {
    sessionStorage.setItem(KEY, text);
  } catch {
    // A browser that keeps nothing shows no panes after a reload; the sessions are in the list all the same.
  }
}
