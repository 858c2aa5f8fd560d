// The report of a run: a summary, and the results by group.

import { downloadJson } from "../../app/download.js";
import { html, useState } from "../../app/html.js";
import { Button } from "../../components/button.js";
import { CopyButton } from "../../components/copy_button.js";
import { Notice } from "../../components/notice.js";
import { Section } from "../../components/page.js";
import { Time } from "../../components/time.js";
import { byGroup, groupSubject, groupTitle, needsAttention, STATUSES } from "./groups.js";
import { Outcome } from "./outcome.js";

/** The end of the finding about a path that needs no key. */
const PUBLIC = ": the path is public";

/** Shows a report. `checks` is the catalogue. `isOld` is true while a newer run is in progress. */
export function Report({ report, checks, isOld }) {
  const [isAll, setIsAll] = useState(false);
  const total = report.checks.length;
  const urgent = report.checks.filter(needsAttention);
  const shown = isAll ? report.checks : urgent;
  const explanations = new Map(checks.map(({ id, explanation }) => [id, explanation]));
  const actions = html`
    <${CopyButton} text=${JSON.stringify(report, null, 2)} label="Copy JSON" />
    <${Button} onClick=${() => downloadJson("check-report.json", report)}>Download JSON<//>`;
  return html`
    <${Section} title=${isOld ? "Previous report" : "Report"} actions=${actions}>
      <p class="hint checks-target">${report.target}, ended <${Time} value=${report.time} /></p>
      <${Counts} report=${report} />
      ${hasPublicPath(report) ? html`
        <${Notice} kind="warning" title="The path of this run is public">
          <p>Results about keys, limits and usage prove nothing, even if they have failed. Run the checks again with a
            path that needs a key.</p>
        <//>` : null}
      <div class="checks-filter" role="group" aria-label="Results to show">
        <${Choice} isChosen=${!isAll} onClick=${() => setIsAll(false)}>Needs attention (${urgent.length})<//>
        <${Choice} isChosen=${isAll} onClick=${() => setIsAll(true)}>All (${total})<//>
      </div>
      ${shown.length === 0 ? html`
        <p class="checks-passed"><span aria-hidden="true">✓ </span>No check needs attention.</p>` : null}
      ${byGroup(shown).map(([group, outcomes]) => html`
        <section key=${group} class="checks-group">
          <h3>${groupTitle(group)} <span class="hint">${groupSubject(group)}</span></h3>
          <ul class="checks-list">
            ${outcomes.map((outcome) => html`
              <${Outcome} key=${outcome.id} outcome=${outcome} explanation=${explanations.get(outcome.id)} />`)}
          </ul>
        </section>`)}
    <//>`;
}

/** True if the run called a path that needs no key, as the check of requests without a key reports. */
function hasPublicPath({ checks }) {
  return checks.some(({ group, details }) => group === "requests" && details.some((text) => text.endsWith(PUBLIC)));
}

function Choice({ isChosen, onClick, children }) {
  return html`<${Button} aria-pressed=${isChosen ? "true" : "false"} onClick=${onClick}>${children}<//>`;
}

function Counts({ report: { counts } }) {
  const present = Object.entries(STATUSES).filter(([status]) => counts[status] > 0);
  return html`
    <ul class="checks-counts" aria-label="Number of checks by result">
      ${present.map(([status, { symbol, plural, kind }]) => html`
        <li key=${status} class=${`badge ${kind}`}>
          <span aria-hidden="true">${symbol} </span>${counts[status]} ${plural}
        </li>`)}
    </ul>`;
}
