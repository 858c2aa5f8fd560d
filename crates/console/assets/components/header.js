// The bar above all pages: the target, who uses it, and the colour scheme.

import { html } from "../app/html.js";
import { href } from "../app/router.js";
import { SchemeSwitch } from "./scheme_switch.js";

/** Shows the target with its region, the operator's identity, and the colour scheme. The children come first. */
export function Header({ target, children }) {
  const { label, region, identity, may_write: mayWrite, read_only_reason: reason, version } = target;
  return html`
    <header class="shell-header">
      ${children}
      <a class="brand" href=${href(["overview"])} title=${`Tollgate ${version}`}>
        <img src="icon.svg" alt="" width="24" height="24" /> <span class="brand-name">Tollgate</span>
      </a>
      <p class="target" title=${label}>
        <span class="target-label"><span class="visually-hidden">Target: </span>${label}</span>
        <${TargetMore} region=${region} identity=${identity} />
      </p>
      ${mayWrite ? null : html`<span class="badge" title=${reason}>Read only</span>`}
      <${SchemeSwitch} />
    </header>`;
}

/** Shows the region and the identity of a deployed target. On narrow screens, the list of pages has them. */
export function TargetMore({ region, identity }) {
  return html`
    ${region ? html`<span class="target-more">${region}</span>` : null}
    ${identity ? html`
      <span class="target-more" title=${identity}>
        <span class="visually-hidden">You are </span>${shortIdentity(identity)}
      </span>` : null}`;
}

/** Returns the role with its session, or the user, of an ARN. */
function shortIdentity(identity) {
  return identity.startsWith("arn:") ? identity.split("/").slice(1).join("/") || identity : identity;
}
