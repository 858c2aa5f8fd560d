// The newest refusals on the page Overview.

import { html } from "../../app/html.js";
import { href } from "../../app/router.js";
import { Section } from "../../components/page.js";
import { RefusalsOf } from "./refusals_of.js";

const SHOWN = 10;

/** Shows the newest refusals, with a link to all. */
export function NewestRefusals({ target, isPaused }) {
  const actions = html`<a class="button" href=${href(["overview", "refusals"])}>All recent refusals</a>`;
  return html`
    <${Section} title="Newest refusals" actions=${actions}>
      <${RefusalsOf} target=${target} filter=${{ limit: SHOWN }} isPaused=${isPaused} caption="Newest refusals" />
    <//>`;
}
