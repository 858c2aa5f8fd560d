// The list of all recent refusals, with a filter in the address.

import { html, useState } from "../../app/html.js";
import { usePlans } from "../../app/plans.js";
import { explainReason, reasonNames } from "../../app/reasons.js";
import { href, navigate } from "../../app/router.js";
import { Button } from "../../components/button.js";
import { Field } from "../../components/field.js";
import { Page } from "../../components/page.js";
import { SettledField } from "../../components/settled_field.js";
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
      <${Filter} filter=${filter} isFiltered=${isFiltered} />
      <${RefusalsOf} target=${target} filter=${{ ...filter, limit: LIMIT }} isFiltered=${isFiltered}
        isPaused=${isPaused} caption="Recent refusals" />
    <//>`;
}

/** Shows the fields of the filter. All apply at once, texts after a pause. */
function Filter({ filter, isFiltered }) {
  const plans = usePlans();
  const set = (name) => (value) => navigate(["overview", "refusals"], { ...filter, [name]: value }, { replace: true });
  const names = [...new Set([...(plans.data?.keys() ?? []), ...(filter.plan ? [filter.plan] : [])])].sort();
  return html`
    <form class="toolbar" role="search" aria-label="Filter" onSubmit=${(event) => event.preventDefault()}>
      <${SettledField} label="Key ID" value=${filter.key_id} onSettle=${set("key_id")} />
      <${Field} label="Plan" as="select" value=${filter.plan} onInput=${set("plan")}>
        <option value="" selected=${filter.plan === ""}>All plans</option>
        ${names.map((name) => html`
          <option key=${name} value=${name} selected=${name === filter.plan}>${name}</option>`)}
      <//>
      <${Field} label="Reason" as="select" value=${filter.reason} onInput=${set("reason")}>
        <option value="">All reasons</option>
        ${reasonNames().map((name) => html`<option key=${name} value=${name}>${explainReason(name).title}</option>`)}
      <//>
      <div class="actions">
        ${isFiltered ? html`<${Button} onClick=${clear}>Clear filters<//>` : null}
      </div>
    </form>`;
}

function clear() {
  navigate(["overview", "refusals"], {}, { replace: true });
}
