// What the key has left in each window.

import { duration } from "../../app/duration.js";
import { count } from "../../app/format.js";
import { html } from "../../app/html.js";
import { KEY_STATES } from "../../app/key_state.js";
import { planSummary } from "../../app/plans.js";
import { explainReason } from "../../app/reasons.js";
import { Section } from "../../components/page.js";
import { Resource } from "../../components/states.js";
import { Time } from "../../components/time.js";
import { isUnsupported } from "./loading.js";
import { rowsOf } from "./window_rows.js";

/** The used shares of a limit from which its bar warns, and from which it is used up. */
const NEAR = 0.8;
const FULL = 0.999;
/** The states in which only limits refuse a call. */
const VALID = ["active", "expiring"];

/** Shows the quotas and the rate limits of a key, and whether a call would be allowed now. */
export function Windows({ keyed, plan, live, state }) {
  return html`
    <${Section} title="What is left">
      <p class="hint limits-plan">
        Plan ${keyed.plan}${plan ? `: ${planSummary(plan)}` : ""}. ${sharing(keyed, plan)}
      </p>
      <${Resource} resource=${live} label="Loading the limits">
        ${(data) => html`
          <${NextCall} decision=${data.decision} state=${state} />
          <${Limits} rows=${rowsOf(data, plan)} />
          ${isUnlimited(data, plan) ? html`<p>No limit of the plan applies to all calls.</p>` : null}
          ${data.decision?.decision === "denied"
            ? html`<p class="hint">What is left of the rate limits is shown when the key can be used again.</p>`
            : null}
          ${data.decisionError
            ? html`<p class="hint">What is left of the rate limits is not known: ${reasonOf(data.decisionError)}</p>`
            : null}`}
      <//>
    <//>`;
}

function isUnlimited({ decision, quotas }, plan) {
  return decision?.decision === "allowed" && quotas.length === 0 && rowsOf({ decision, quotas }, plan).length === 0;
}

function sharing({ group }, plan) {
  if (plan?.shared_by_plan) return "The numbers are the total of all keys of the plan.";
  return group ? `The numbers are the total of all keys of the group ${group} on this plan.` : "";
}

/** Returns why rate limits are missing. */
function reasonOf(error) {
  if (!isUnsupported(error)) return error.message;
  return "this version of the API cannot show them without the secret of the key.";
}

/** Says whether a call with this key would be allowed now. It is announced when it changes. */
function NextCall({ decision, state }) {
  if (!decision) return null;
  const isAllowed = ["allowed", "degraded"].includes(decision.decision);
  const wait = decision.retry_after === undefined ? "" : ` Retry after ${duration(decision.retry_after)}.`;
  const text = isAllowed
    ? "A call with this key would be allowed now."
    : `A call with this key would be refused now: ${explainReason(decision.reason).title}.`;
  const isOfKey = decision.decision === "denied" && !VALID.includes(state);
  return html`
    <p class="next-call">
      <span class=${`badge ${isAllowed ? "ok" : "problem"}`}>${isAllowed ? "allowed" : "refused"}</span>
      <span><span role="status">${text}${isOfKey ? ` ${KEY_STATES[state].meaning}` : ""}</span>${wait}</span>
    </p>`;
}

function Limits({ rows }) {
  if (rows.length === 0) return null;
  return html`
    <div class="table-box" tabindex="0" role="region" aria-label="Limits of the key">
      <table class="limits">
        <caption class="visually-hidden">Limits of the key, and what is left of each</caption>
        <thead>
          <tr>
            <th scope="col">Limit</th><th scope="col" class="number">Left</th><th
              scope="col">Used, and when more is available</th>
          </tr>
        </thead>
        <tbody>${rows.map((row) => html`<${LimitRow} key=${row.name} row=${row} />`)}</tbody>
      </table>
    </div>`;
}

function LimitRow({ row: { name, text, total, used, remaining, endsAt, resetS } }) {
  const over = used > total ? `, ${count(used - total)} over the limit` : "";
  const label = `${name}: ${count(used)} of ${count(total)} used${over}`;
  return html`
    <tr>
      <th scope="row">${name}<span class="hint">${text}</span></th>
      <td class="number left">${count(remaining)}</td>
      <td>
        <meter aria-label=${label} min="0" max=${Math.max(1, total)} value=${Math.min(used ?? 0, total)}
          low=${total * NEAR} high=${total * FULL} optimum="0"></meter>
        <span class="hint">${count(used)} of ${count(total)} used${over}; ${resetText(endsAt, resetS, used)}</span>
      </td>
    </tr>`;
}

function resetText(endsAt, resetS, used) {
  if (endsAt) return html`starts anew <${Time} value=${endsAt} />`;
  if (used === 0) return "all left";
  return resetS === undefined ? "never starts anew" : `more in ${duration(resetS)}`;
}
