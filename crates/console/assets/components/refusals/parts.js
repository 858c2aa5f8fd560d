// The caller, the plan and the request of a refusal.

import { html } from "../../app/html.js";
import { href } from "../../app/router.js";
import { callerText } from "./caller_text.js";
import { useKeyName } from "./key_names.js";

/** Returns the method and the path of a refused request, or its route. */
export function requestLine({ method, path, route }) {
  if (!path) return html`<code>${route ?? "–"}</code>`;
  return html`<code>${method ? `${method} ${path}` : path}</code>`;
}

/** Shows who was refused: the key with a link, another caller, or the address. */
export function Caller({ refusal: { key_id: keyId, caller, source_ip: sourceIp } }) {
  if (keyId) return html`<a href=${href(["keys", keyId])}>${keyId}</a><${KeyName} id=${keyId} />`;
  if (!caller) return html`<span>${sourceIp ?? "unknown"}</span>`;
  return html`<span title=${caller}>${callerText(caller)}</span>`;
}

function KeyName({ id }) {
  const name = useKeyName(id);
  return name ? html` <bdi class="key-name">${name}</bdi>` : null;
}

/** Shows a plan with a link to it. */
export function PlanLink({ plan }) {
  return plan ? html`<a href=${href(["plans", plan])}>${plan}</a>` : html`<span class="no-plan-of">–</span>`;
}
