// Addresses of pages: the fragment, such as `#/keys/acme?tab=usage`.

import { useLayoutEffect, useState } from "./html.js";

const listeners = new Set();
/** The address of the current page, once a page is shown. */
let current = "";
/** Decides whether the page may be left: see `setGuard`. */
let guard = () => true;

/** Returns the segments and parameters of a fragment. */
export function parseRoute(fragment) {
  const [path, query = ""] = fragment.replace(/^#/, "").split("?");
  const segments = path.split("/").filter(Boolean).map(decoded);
  return { segments, parameters: new URLSearchParams(query) };
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Returns the address of a page: `href(["keys", id], { tab: "usage" })`. */
export function href(segments, parameters = {}) {
  const present = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== "");
  const query = present.length > 0 ? `?${new URLSearchParams(present)}` : "";
  return `#/${segments.map(encodeURIComponent).join("/")}${query}`;
}

/** Opens a page. With `replace`, the browser's history keeps no entry for the previous one. */
export function navigate(segments, parameters = {}, { replace = false } = {}) {
  open(href(segments, parameters), { replace });
}

/** Opens an address of the console, unless the current page has changes that the operator wants to keep. */
export function open(address, { replace = false } = {}) {
  if (!mayLeave(address)) return;
  if (replace) history.replaceState(null, "", address);
  else if (address !== location.hash) history.pushState(null, "", address);
  follow(address);
}

/**
 * Sets the function that decides whether the page may be left for an address. A change of the parameters, or of
 * segments after the second one, stays on the page and is not asked for.
 */
export function setGuard(decide) {
  guard = decide;
}

function mayLeave(address) {
  return pageKey(address) === pageKey(current) || guard(address);
}

function pageKey(address) {
  return parseRoute(address).segments.slice(0, 2).join("/");
}

function follow(address) {
  current = address;
  const route = parseRoute(address);
  for (const listener of listeners) listener(route);
}

/** Follows the browser's own navigation: back, forward, and a changed address. */
function onHashChange() {
  if (location.hash === current) return;
  const address = location.hash;
  if (mayLeave(address)) follow(address);
  // The browser has already changed the address. The page that stays gets its own one back.
  else history.pushState(null, "", current === "" ? "#/" : current);
}

/** Follows links to pages, before the browser changes the address. */
function onClick(event) {
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  const address = event.target.closest?.("a[href^='#/']")?.getAttribute("href");
  if (!isPlain || !address || event.defaultPrevented) return;
  event.preventDefault();
  open(address);
}

/** Starts to follow the address. The one-time code is in it until the first page is shown. */
function start() {
  if (listeners.size > 0) return;
  current = location.hash;
  window.addEventListener("hashchange", onHashChange);
  document.addEventListener("click", onClick);
}

/** Returns the current route, and renders again when it changes. */
export function useRoute() {
  const [route, setRoute] = useState(() => {
    start();
    return parseRoute(current);
  });
  useLayoutEffect(() => {
    listeners.add(setRoute);
    return () => listeners.delete(setRoute);
  }, []);
  return route;
}
