// Data that a component loads: its states, and how it is kept current.

import { ApiError, KIND } from "./api_error.js";
import { onConnectionChange } from "./connection.js";
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { hasSessionEnded } from "./session.js";

/** The time after which loading counts as slow. */
export const SLOW_MS = 3_000;

const INITIAL = { data: undefined, error: undefined, isLoading: true, isSlow: false, loadedAt: undefined };

/**
 * Loads data when the component appears, when `key` changes, and every `pollMs`.
 *
 * A failed reload keeps the previous data, so that `data` and `error` can both be set. While the page is hidden or
 * the session has ended, nothing is polled. When a lost connection is back, data with an error is loaded again.
 *
 * @template T
 * @param {string} key identifies what is loaded
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {{pollMs?: number}} options
 * @returns {{data?: T, error?: Error, isLoading: boolean, isSlow: boolean, loadedAt?: Date,
 *   reload: () => Promise<void>, cancel: () => void}}
 */
export function useResource(key, load, { pollMs } = {}) {
  const [state, setState] = useState({ ...INITIAL, key });
  const loader = useRef(load);
  loader.current = load;
  const running = useRef(null);
  const isBusy = useRef(false);

  const reload = useCallback(async () => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const { signal } = controller;
    const update = (change) => {
      if (!signal.aborted) setState((previous) => ({ ...(previous.key === key ? previous : { ...INITIAL, key }), ...change }));
    };

    isBusy.current = true;
    update({ isLoading: true, isSlow: false });
    const slow = setTimeout(() => update({ isSlow: true }), SLOW_MS);
    try {
      const data = await loader.current(signal);
      update({ data, error: undefined, loadedAt: new Date() });
    } catch (error) {
      if (!signal.aborted) update({ error });
    } finally {
      clearTimeout(slow);
      if (!signal.aborted) isBusy.current = false;
      update({ isLoading: false, isSlow: false });
    }
  }, [key]);

  const cancel = useCallback(() => {
    running.current?.abort();
    isBusy.current = false;
    const error = new ApiError(KIND.cancelled, "The request was cancelled.");
    setState((previous) => ({ ...previous, error, isLoading: false, isSlow: false }));
  }, []);

  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);

  const failed = useRef(false);
  failed.current = state.error?.kind === KIND.unreachable;
  useEffect(() => onConnectionChange((isLost) => {
    if (!isLost && failed.current) reload();
  }), [reload]);

  useEffect(() => {
    if (!pollMs) return undefined;
    // A slow response is awaited, not replaced: otherwise it would never arrive.
    const poll = () => {
      if (!document.hidden && !hasSessionEnded() && !isBusy.current) reload();
    };
    const timer = setInterval(poll, pollMs);
    document.addEventListener("visibilitychange", poll);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", poll);
    };
  }, [reload, pollMs]);

  const current = state.key === key ? state : INITIAL;
  return { ...current, reload, cancel };
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
  // Once there is a connection again, the error that there is none would be untrue.
  useEffect(() => onConnectionChange((isLost) => {
    if (isLost) return;
    setState((state) => (state.error?.kind === KIND.unreachable ? { ...state, error: undefined } : state));
  }), []);
  return { ...state, run, clear };
}
