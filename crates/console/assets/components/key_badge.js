// The state of a key in one or two words.

import { html } from "../app/html.js";
import { KEY_STATES } from "../app/key_state.js";

/** Shows a state of `KEY_STATES` by its id. */
export function KeyBadge({ state }) {
  const { label, kind, meaning } = KEY_STATES[state];
  return html`<span class=${`badge ${kind}`} title=${meaning}>${label}</span>`;
}
