// What the key has left in each window.

import { count } from "../../app/format.js";
import { html } from "../../app/html.js";
import { KEY_STATES } from "../../app/key_state.js";
import { planSummary } from "../../app/plans.js";
import { limitsOf } from "../../app/rate_limit.js";
import { explainReason } from "../../app/reasons.js";
import { Section } from "../../components/page.js";
import { Resource } from "../../components/states.js";
import { Time } from "../../components/time.js";
import { isUnsupported } from "./loading.js";

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
          <${Limits} rows=${rowsOf(data)} />
          ${data.decisionError
            ? html`<p class="hint">What is left of the rate limits is not known: ${reasonOf(data.decisionError)}</p>`
            : null}`}
      <//>
    <//>`;
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
  const wait = decision.retry_after === undefined ? "" : ` Retry after ${count(decision.retry_after)} s.`;
  const text = isAllowed
    ? "A call with this key would be allowed now."
    : `A call with this key would be refused now: ${explainReason(decision.reason).title}.`;
  const meaning = decision.decision === "denied" ? ` ${KEY_STATES[state].meaning}` : "";
  return html`
    <p class="next-call">
      <span class=${`badge ${isAllowed ? "ok" : "problem"}`}>${isAllowed ? "allowed" : "refused"}</span>
      <span role="status">${text}${isAllowed ? "" : meaning}</span>${isAllowed ? "" : wait}
    </p>`;
}

/**
 * Returns a row for each limit: quotas from the report, rate limits from the decision.
 *
 * @returns {{name: string, limit: number, used?: number, remaining?: number, unit: string, endsAt?: string,
 *   resetS?: number}[]}
 */
export function rowsOf({ quotas, decision }) {
  const names = new Set(quotas.map(({ name }) => name));
  const rates = limitsOf(decision ?? {}).filter(({ name }) => !names.has(name));
  return [
    ...rates.map(({ name, limit, windowS, remaining, resetS }) => ({
      name,
      limit,
      remaining,
      resetS,
      used: remaining === undefined ? undefined : Math.max(0, limit - remaining),
      unit: windowS === undefined ? "" : `per ${count(windowS)} s`,
    })),
    ...quotas.map(({ name, limit, period, usage: [used, remaining], ends_at: endsAt }) => ({
      name,
      limit,
      used,
      remaining,
      endsAt,
      unit: period === "total" ? "in total" : `per ${period}`,
      granted: Math.max(0, used + remaining - limit),
    })),
  ];
}

function Limits({ rows }) {
  if (rows.length === 0) return html`<p>No limit of the plan applies to all calls.</p>`;
  return html`
    <div class="table-box" tabindex="0" role="region" aria-label="Limits of the key">
      <table class="limits">
        <caption class="visually-hidden">Limits of the key, and what is left of each</caption>
        <thead>
          <tr>
            <th scope="col">Limit</th><th scope="col" class="number">Left</th><th
              scope="col">Used, and when it is full again</th>
          </tr>
        </thead>
        <tbody>${rows.map((row) => html`<${LimitRow} key=${row.name} row=${row} />`)}</tbody>
      </table>
    </div>`;
}

function LimitRow({ row: { name, limit, used, remaining, unit, granted, endsAt, resetS } }) {
  const total = limit + (granted ?? 0);
  const label = `${name}: ${count(used)} of ${count(total)} used`;
  return html`
    <tr>
      <th scope="row">${name}<span
        class="hint">${count(limit)} ${unit}${granted ? `, ${count(granted)} granted` : ""}</span></th>
      <td class="number left">${count(remaining)}</td>
      <td>
        <meter aria-label=${label} min="0" max=${Math.max(1, total)} value=${used ?? 0} high=${total * 0.8}
          optimum="0">${label}</meter>
        <span class="hint">${count(used)} of ${count(total)}; ${resetText(endsAt, resetS, used)}</span>
      </td>
    </tr>`;
}

function resetText(endsAt, resetS, used) {
  if (endsAt) return html`full again <${Time} value=${endsAt} />`;
  if (used === 0) return "full";
  return resetS === undefined ? "never full again" : `more in ${count(resetS)} s`;
}
