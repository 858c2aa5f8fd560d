// The page Usage: what the keys have used in a month or in any days.

import { html } from "../app/html.js";
import { usePlans } from "../app/plans.js";
import { href } from "../app/router.js";
import { Page } from "../components/page.js";
import { AllKeys } from "./usage/all_keys.js";
import { CsvDownload } from "./usage/csv.js";
import { Filter } from "./usage/filter.js";
import { reportOf, reportText } from "./usage/report.js";
import { TopKeys } from "./usage/top_keys.js";
import { Totals, useTotals } from "./usage/totals.js";

const INTRO =
  "Calls are those that a plan has counted, units what they cost, and refused those over a limit. The plan is the " +
  "present one of a key, also for calls that it made on an earlier one.";

/** Says what the report leaves out, so that the caller with the most calls is not looked for in vain. */
function KeysOnly() {
  return html`
    <p class="hint keys-only">
      The report has API keys only. Requests with tokens and client certificates are in the${" "}
      <a href=${href(["overview"])}>decisions by plan</a> of the Overview.
    </p>`;
}

/** Shows the report that the address names. */
export function Usage({ target, route }) {
  const report = reportOf(route.parameters);
  const plans = usePlans();
  const id = JSON.stringify(report);
  return html`
    <${Page} title="Usage" intro=${INTRO} actions=${html`<${CsvDownload} key=${id} report=${report} />`}>
      <${Filter} report=${report} plans=${plans.data} />
      <${KeysOnly} />
      <${Report} key=${`report ${id}`} report=${report} isOnRequest=${target.kind === "deployed"} />
    <//>`;
}

/** Shows a report. `isOnRequest` is true if reading many keys has a price. */
function Report({ report, isOnRequest }) {
  const totals = useTotals(report, isOnRequest);
  return html`
    <${Totals} title=${reportText(report)} totals=${totals} isOnRequest=${isOnRequest} />
    <${TopKeys} report=${report} totals=${totals.data} isOnRequest=${isOnRequest} />
    <${AllKeys} report=${report} />`;
}
