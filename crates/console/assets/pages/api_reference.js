import { Page } from "../components/page.js";
import { html } from "../app/html.js";

/** Shows the page. */
export function ApiReference() {
  return html`<${Page} title="API reference" />`;
}
