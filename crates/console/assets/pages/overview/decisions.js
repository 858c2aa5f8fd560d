// Decisions by plan.

import { count, share } from "../../app/format.js";
import { html } from "../../app/html.js";
import { href } from "../../app/router.js";
import { Table } from "../../components/table.js";

/** Names in place of a plan, as in the metrics. */
const NO_PLAN = { none: "without a plan", other: "all other plans" };

function plan({ plan: name }) {
  if (Object.hasOwn(NO_PLAN, name)) return html`<span class="no-plan">${NO_PLAN[name]}</span>`;
  return html`<a href=${href(["plans", name])}>${name}</a>`;
}

function total({ allowed, throttled, unavailable, degraded }) {
  return allowed + throttled + unavailable + degraded;
}

const COLUMNS = [
  { title: "Plan", cell: plan },
  { title: "Allowed", isNumber: true, cell: ({ allowed }) => count(allowed) },
  { title: "Throttled", isNumber: true, cell: ({ throttled }) => count(throttled) },
  { title: "Throttled, share", isNumber: true, cell: (row) => share(row.throttled, total(row)) },
  { title: "Unavailable", isNumber: true, cell: ({ unavailable }) => count(unavailable) },
  { title: "Degraded", isNumber: true, cell: ({ degraded }) => count(degraded) },
];

/** Shows the decisions on the requests of each plan. */
export function Decisions({ decisions, isKnown }) {
  if (!isKnown) return html`<p class="hint">The decisions are not known.</p>`;
  if (decisions.length === 0) return html`<p class="hint">No request was counted against a plan in this time.</p>`;
  return html`
    <${Table} caption="Decisions by plan" columns=${COLUMNS} rows=${decisions} rowKey=${(row) => row.plan} />
    <p class="hint">
      Throttled: over a limit. Unavailable and degraded: the store did not decide, and the plan refused or allowed the
      request.
    </p>`;
}
