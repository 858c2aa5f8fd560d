// The colour scheme: that of the system, or the one that the operator chose.

/** The choices, the default first. */
export const SCHEMES = ["auto", "light", "dark"];

// The choice ends with the tab. The local gateway serves the console from the origin of the API, whose own pages
// would share localStorage with it. The console of a deployed stack has another port, so another origin, each time.
const ITEM = "tollgate-console-color-scheme";
let chosen = stored();

function stored() {
  try {
    const value = sessionStorage.getItem(ITEM);
    return SCHEMES.includes(value) ? value : SCHEMES[0];
  } catch {
    // The browser may block storage.
    return SCHEMES[0];
  }
}

function store(scheme) {
  try {
    sessionStorage.setItem(ITEM, scheme);
  } catch {
    // The choice then ends with the page.
  }
}

function apply() {
  const root = document.documentElement;
  if (chosen === "auto") delete root.dataset.scheme;
  else root.dataset.scheme = chosen;
}

/** Chooses `auto`, `light` or `dark`. */
export function chooseScheme(scheme) {
  chosen = scheme;
  store(scheme);
  apply();
}

/** Returns the choice: `auto`, `light` or `dark`. */
export function chosenScheme() {
  return chosen;
}

apply();
