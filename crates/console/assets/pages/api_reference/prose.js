// The text of the description: paragraphs with code.

import { html } from "../../app/html.js";

/** Shows a text. An empty line starts a paragraph, and backticks enclose code. */
export function Prose({ text }) {
  if (!text) return null;
  const paragraphs = text.split(/\n\s*\n/);
  return html`${paragraphs.map((paragraph, index) => html`<p class="prose" key=${index}>${withCode(paragraph)}</p>`)}`;
}

function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? html`<code key=${index}>${part}</code>` : part));
}
