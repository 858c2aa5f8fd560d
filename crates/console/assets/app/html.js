// Preact with templates, so that pages import one module.

import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { Component, createContext, render } from "../vendor/preact.js";
export {
  useCallback,
  useContext,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "../vendor/preact-hooks.js";

/** Creates elements from a template. Values become text or properties, never markup. */
export const html = htm.bind(h);
