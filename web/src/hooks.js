// Hooks that several screens use.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { report } from './components/toast.js';
import { register } from './shortcuts.js';

/**
 * The present time, anew every `interval` milliseconds, for texts such as "3 minutes ago".
 * @param {number} [interval]
 */
export function useNow(interval = 30_000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return now;
}

/**
 * A job that one control starts: while it runs it does not start again; what goes wrong is reported.
 * @template {any[]} A
 * @param {(...inputs: A) => Promise<void>} job
 * @returns {[(...inputs: A) => Promise<void>, boolean]} starts it; whether it runs
 */
export function useAction(job) {
  const [busy, setBusy] = useState(false);
  const running = useRef(false);
  const latest = useRef(job);
  latest.current = job;
  const run = useCallback(async (/** @type {A} */ ...inputs) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    try {
      await latest.current(...inputs);
    } catch (error) {
      report(error);
    }
    running.current = false;
    setBusy(false);
  }, []);
  return [run, busy];
}

/**
 * A key that works while the component is shown.
 * @param {string} keys
 * @param {(event: KeyboardEvent) => void} run
 * @param {Parameters<typeof register>[2]} options
 */
export function useShortcut(keys, run, options) {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => register(keys, (event) => latest.current(event), options), [keys]);
}
