import { Page } from "../components/page.js";
import { html } from "../app/html.js";

/** Shows the page. */
export function Checks() {
  return html`<${Page} title="Checks" />`;
}
