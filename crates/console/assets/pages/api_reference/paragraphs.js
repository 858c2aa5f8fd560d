// The texts of the description.

import { html } from "../../app/html.js";
import { Prose } from "../../components/prose.js";

/** Shows a text, in which an empty line starts a paragraph. */
export function Paragraphs({ text }) {
  if (!text) return null;
  return text.split(/\n\s*\n/).map((paragraph, index) => html`
    <p class="prose" key=${index}><${Prose} text=${paragraph} /></p>`);
}
