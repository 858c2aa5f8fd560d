// The page Policy: the policy in force and those of the registry, a policy, or a new one.

import { html } from "../app/html.js";
import { NEW } from "../app/new_document.js";
import { NewPolicy } from "./policy/new.js";
import { PolicyOverview } from "./policy/overview.js";
import { StoredPolicy } from "./policy/stored.js";

/** Shows the policy in force, the policy of the address, or a new policy. */
export function Policy({ target, route, object }) {
  if (object === undefined) return html`<${PolicyOverview} target=${target} />`;
  if (object === NEW) return html`<${NewPolicy} />`;
  return html`<${StoredPolicy} name=${object} target=${target} route=${route} />`;
}
