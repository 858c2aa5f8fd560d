// Addresses of pages: the fragment, such as `#/keys/acme?tab=usage`.

import { useEffect, useState } from "./html.js";

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
  const address = href(segments, parameters);
  if (replace) {
    history.replaceState(null, "", address);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = address;
  }
}

/** Returns the current route, and renders again when it changes. */
export function useRoute() {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const change = () => setRoute(parseRoute(location.hash));
    window.addEventListener("hashchange", change);
    return () => window.removeEventListener("hashchange", change);
  }, []);
  return route;
}
