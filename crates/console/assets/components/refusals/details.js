// The details of a refusal: the cause in words, the next step, and the facts.

import { duration } from "../../app/format.js";
import { html } from "../../app/html.js";
import { explainDetail, explainReason } from "../../app/reasons.js";
import { href } from "../../app/router.js";
import { CopyButton } from "../copy_button.js";
import { Time } from "../time.js";
import { Caller, PlanLink, requestLine } from "./parts.js";

/** Shows why a request was refused, and what to do. */
export function RefusalDetails({ refusal }) {
  const { text, next, pages } = explainReason(refusal.reason);
  const links = pages.map((page) => linkTo(page, refusal)).filter(Boolean);
  return html`
    <div class="refusal-details">
      <div>
        <p class="refusal-cause">${text}</p>
        <${Cause} refusal=${refusal} />
        <p>${next}</p>
        ${links.length > 0 ? html`<p class="actions">${links}</p>` : null}
      </div>
      <${Facts} refusal=${refusal} />
    </div>`;
}

function Cause({ refusal: { reason, detail, limit } }) {
  const words = explainDetail(reason, detail);
  return html`
    ${limit ? html`<p>Used up: <strong>${limit}</strong></p>` : null}
    ${words ? html`<p>${words}</p>` : null}`;
}

const LINKS = {
  grant: ({ key_id: key, limit = "quota" }) =>
    key && { to: href(["keys", key], { grant: limit }), label: `Grant more calls to ${key}` },
  key: ({ key_id: key }) => key && { to: href(["keys", key]), label: `Open the key ${key}` },
  keys: () => ({ to: href(["keys"]), label: "Open the keys" }),
  plan: ({ plan }) => plan && { to: href(["plans", plan]), label: `Open the plan ${plan}` },
  plans: () => ({ to: href(["plans"]), label: "Open the plans" }),
  policy: () => ({ to: href(["policy"]), label: "Open the policy" }),
  audit: () => ({ to: href(["audit"]), label: "Open the audit records" }),
  checks: () => ({ to: href(["checks"]), label: "Run the checks" }),
};

function linkTo(page, refusal) {
  const link = LINKS[page]?.(refusal);
  return link ? html`<a key=${page} class="button" href=${link.to}>${link.label}</a>` : undefined;
}

/** Returns the facts of a refusal that are known, as pairs of a name and a value. */
function factsOf(refusal) {
  return [
    ["Time", html`<${Time} value=${refusal.at} />`],
    ["Request", requestLine(refusal)],
    ["API route", refusal.route && html`<code>${refusal.route}</code>`],
    ["Detail", refusal.detail && html`<code>${refusal.detail}</code>`],
    ["Caller", html`<${Caller} refusal=${refusal} />`],
    ["Caller in the usage table", refusal.key_id ? undefined : refusal.caller && html`<code>${refusal.caller}</code>`],
    ["Plan", refusal.plan && html`<${PlanLink} plan=${refusal.plan} />`],
    ["Credential", refusal.auth],
    ["Issuer", refusal.issuer],
    ["Source address", refusal.source_ip],
    ["Accepted again", retryAt(refusal)],
    ["Request ID", requestId(refusal.request_id)],
  ].filter(([, value]) => value);
}

function requestId(id) {
  return id && html`<code>${id}</code> <${CopyButton} text=${id} />`;
}

/** Shows how long the caller was asked to wait, and until when. */
function retryAt({ at, retry_after_s: seconds }) {
  if (seconds === undefined || seconds === null) return undefined;
  const end = new Date(new Date(at).getTime() + seconds * 1_000).toISOString();
  return html`${duration(seconds)} after the request: <${Time} value=${end} />`;
}

function Facts({ refusal }) {
  return html`
    <dl class="facts">
      ${factsOf(refusal).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}
    </dl>`;
}
