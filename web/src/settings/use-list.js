import { useEffect, useState } from 'preact/hooks';
import { api } from '../api.js';

/**
 * A list of the server that only one panel shows.
 * @template T
 * @param {string} path
 * @returns {{list: T[]|null, error: unknown, reload: () => Promise<void>}}
 */
export function useList(path) {
  const [list, setList] = useState(/** @type {T[]|null} */ (null));
  const [error, setError] = useState(/** @type {unknown} */ (null));
  const reload = async () => {
    try {
      setList(await api.get(path));
      setError(null);
    } catch (problem) {
      setError(problem);
    }
  };
  useEffect(() => {
    reload();
  }, [path]);
  return { list, error, reload };
}
