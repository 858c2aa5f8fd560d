// Circuit breakers: services that are not called, because calls failed.

import { html } from "../../app/html.js";
import { Notice } from "../../components/notice.js";
import { Time } from "../../components/time.js";

/** Shows the open breakers as problems, or one line if all are closed or not known. */
export function Breakers({ breakers, isKnown }) {
  const open = breakers.filter(({ state }) => state === "open");
  if (open.length === 0) {
    const badge = isKnown
      ? html`<span class="badge ok">✓ Circuit breakers closed</span>`
      : html`<span class="badge">Circuit breakers: not known</span>`;
    return html`<p class="breakers">${badge}</p>`;
  }
  return html`
    <${Notice} kind="problem" title=${`Circuit breaker open: ${open.map(({ service }) => service).join(", ")}`}>
      <ul>${open.map((breaker) => html`<${OpenBreaker} key=${breaker.service} breaker=${breaker} />`)}</ul>
      <p>
        Tollgate does not call such a service for 30 s, and closes the breaker after three successful calls. If it stays
        open, follow the section BreakerAlarm in <code>docs/operations/runbook.md</code>.
      </p>
    <//>`;
}

const EFFECTS = {
  registry: "Plans and keys that are not cached cannot be read.",
  usage: "Limits are not counted. The field on_store_failure of a plan decides what happens.",
  introspection: "Tokens that need a call of the introspection server get 500.",
};

function OpenBreaker({ breaker: { service, changed_at: changedAt } }) {
  const effect = EFFECTS[service] ?? "Tokens whose signing keys are not cached get 500.";
  return html`
    <li>
      <strong>${service}</strong>${changedAt ? html` since <${Time} value=${changedAt} isRelative />` : null}. ${effect}
    </li>`;
}
