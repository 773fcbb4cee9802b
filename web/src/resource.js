// Data of the server that several parts of the page show: loaded once, loaded anew when an event says so.
import { useEffect, useState } from 'preact/hooks';
import { Unreachable } from './api.js';
import { onConnection } from './connection.js';

/** @template T @typedef {{value: T|null, error: Error|null}} Loaded */

/** @template T */
export class Resource {
  /** @param {() => Promise<T>} load */
  constructor(load) {
    this.load = load;
    /** @type {Loaded<T>} */
    this.state = { value: null, error: null };
    /** @type {Set<() => void>} */
    this.listeners = new Set();
    this.loading = false;
    this.stale = false;
    /** It has changed while no part of the page showed it. */
    this.outdated = false;
    onConnection((online) => {
      if (online) this.changed();
    });
  }

  /** It may be another now: loads anew, at once if it is shown. */
  changed() {
    if (this.listeners.size > 0) this.reload();
    else this.outdated = true;
  }

  /** Loads anew. Calls while a load is under way are answered by one further load after it. */
  async reload() {
    if (this.loading) {
      this.stale = true;
      return;
    }
    this.loading = true;
    do {
      this.stale = false;
      this.outdated = false;
      await this.#loadOnce();
    } while (this.stale);
    this.loading = false;
  }

  async #loadOnce() {
    try {
      this.#set({ value: await this.load(), error: null });
    } catch (error) {
      // While the server is away the last values stay on the page, under the banner.
      const gone = error instanceof Unreachable && this.state.value !== null;
      if (!gone) this.#set({ ...this.state, error: /** @type {Error} */ (error) });
    }
  }

  /** Forgets everything: somebody signed out. */
  clear() {
    this.#set({ value: null, error: null });
  }

  /** @param {Loaded<T>} state */
  #set(state) {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

/**
 * The resource's present state, loaded when first needed.
 * @template T
 * @param {Resource<T>} resource
 * @returns {Loaded<T> & {reload: () => Promise<void>}}
 */
export function useResource(resource) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((count) => count + 1);
    resource.listeners.add(listener);
    if (resource.state.value === null || resource.outdated) resource.reload();
    return () => {
      resource.listeners.delete(listener);
    };
  }, [resource]);
  return { ...resource.state, reload: () => resource.reload() };
}
