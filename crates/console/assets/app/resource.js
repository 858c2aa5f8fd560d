// Data that a component loads: its states, and how it is kept current.

import { useCallback, useEffect, useRef, useState } from "./html.js";

/** The time after which loading counts as slow. */
export const SLOW_MS = 3_000;

const INITIAL = { data: undefined, error: undefined, isLoading: true, isSlow: false, loadedAt: undefined };

/**
 * Loads data when the component appears, when `key` changes, and every `pollMs`.
 *
 * A failed reload keeps the previous data, so that `data` and `error` can both be set. While the page
 * is hidden, nothing is loaded.
 *
 * @template T
 * @param {string} key identifies what is loaded
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {{pollMs?: number}} options
 * @returns {{data?: T, error?: Error, isLoading: boolean, isSlow: boolean, loadedAt?: Date, reload: () => Promise<void>}}
 */
export function useResource(key, load, { pollMs } = {}) {
  const [state, setState] = useState({ ...INITIAL, key });
  const loader = useRef(load);
  loader.current = load;
  const running = useRef(null);

  const reload = useCallback(async () => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const { signal } = controller;
    const update = (change) => {
      if (!signal.aborted) setState((previous) => ({ ...(previous.key === key ? previous : { ...INITIAL, key }), ...change }));
    };

    update({ isLoading: true, isSlow: false });
    const slow = setTimeout(() => update({ isSlow: true }), SLOW_MS);
    try {
      const data = await loader.current(signal);
      update({ data, error: undefined, loadedAt: new Date() });
    } catch (error) {
      if (!signal.aborted) update({ error });
    } finally {
      clearTimeout(slow);
      update({ isLoading: false, isSlow: false });
    }
  }, [key]);

  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);

  useEffect(() => {
    if (!pollMs) return undefined;
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, pollMs);
    return () => clearInterval(timer);
  }, [reload, pollMs]);

  const current = state.key === key ? state : INITIAL;
  return { ...current, reload };
}

/** Runs one action at a time: `{ run, isRunning, error }`. `run` resolves to true if it succeeded. */
export function useAction(action) {
  const [state, setState] = useState({ isRunning: false, error: undefined });
  const latest = useRef(action);
  latest.current = action;
  const isRunning = useRef(false);

  const run = useCallback(async (...args) => {
    if (isRunning.current) return false;
    isRunning.current = true;
    setState({ isRunning: true, error: undefined });
    try {
      await latest.current(...args);
      setState({ isRunning: false, error: undefined });
      return true;
    } catch (error) {
      setState({ isRunning: false, error });
      return false;
    } finally {
      isRunning.current = false;
    }
  }, []);
  const clear = useCallback(() => setState({ isRunning: false, error: undefined }), []);
  return { ...state, run, clear };
}
