// The list of all recent refusals, with a filter in the address.

import { html, useState } from "../../app/html.js";
import { explainReason, reasonNames } from "../../app/reasons.js";
import { href, navigate } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Field } from "../../components/field.js";
import { Page } from "../../components/page.js";
import { PauseButton } from "./pause_button.js";
import { RefusalsOf } from "./refusals_of.js";

const LIMIT = 200;
const FIELDS = ["key_id", "plan", "reason"];

/** Shows the list of the filter in the address. */
export function AllRefusals({ target, route }) {
  const [isPaused, setIsPaused] = useState(false);
  const filter = Object.fromEntries(FIELDS.map((name) => [name, route.parameters.get(name) ?? ""]));
  const isFiltered = FIELDS.some((name) => filter[name] !== "");
  const isLive = target.refusals !== "cloudwatch_logs";

  const actions = html`
    ${isLive ? html`<${PauseButton} isPaused=${isPaused} onChange=${setIsPaused} />` : null}
    <a class="button" href=${href(["overview"])}>Back to the overview</a>`;
  const intro = isLive
    ? "The newest 1,000 refusals, since the gateway was started."
    : "Refusals in the log of the authorizer.";
  return html`
    <${Page} title="Recent refusals" intro=${intro} actions=${actions}>
      <${Filter} key=${JSON.stringify(filter)} filter=${filter} isFiltered=${isFiltered} />
      <${RefusalsOf} target=${target} filter=${{ ...filter, limit: LIMIT }} isFiltered=${isFiltered}
        isPaused=${isPaused} caption="Recent refusals" />
    <//>`;
}

/** Shows the fields of the filter. Enter or the button applies them. */
function Filter({ filter, isFiltered }) {
  const [draft, setDraft] = useState(filter);
  const set = (name) => (value) => setDraft({ ...draft, [name]: value });
  const apply = (next) => navigate(["overview", "refusals"], next, { replace: true });
  const submit = (event) => {
    event.preventDefault();
    apply(draft);
  };
  const choose = (value) => apply({ ...draft, reason: value });
  return html`
    <form class="toolbar" role="search" aria-label="Filter" onSubmit=${submit}>
      <${Field} label="Key ID" value=${draft.key_id} onInput=${set("key_id")} />
      <${Field} label="Plan" value=${draft.plan} onInput=${set("plan")} />
      <${Field} label="Reason" as="select" value=${draft.reason} onInput=${choose}>
        <option value="">All reasons</option>
        ${reasonNames().map((name) => html`<option key=${name} value=${name}>${explainReason(name).title}</option>`)}
      <//>
      <div class="actions">
        <${Button} type="submit">Filter<//>
        ${isFiltered ? html`<${Button} onClick=${() => apply({})}>Clear<//>` : null}
      </div>
    </form>`;
}
