// Sentences of the API, in which code is between backticks.

import { html } from "../app/html.js";

/** Shows a text. Parts between backticks are shown as code. */
export function Prose({ text }) {
  const parts = String(text).split("`");
  // A backtick without a second one is a character of the text.
  if (parts.length % 2 === 0) return text;
  return parts.map((part, index) => (index % 2 === 1 ? html`<code key=${index}>${part}</code>` : part));
}
