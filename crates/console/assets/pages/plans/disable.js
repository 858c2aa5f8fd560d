// The dialog before a plan is disabled.

import { html } from "../../app/html.js";
import { Confirm } from "../../components/dialog.js";

/** True if a change disables a plan that admits calls now. */
export function disables(before, after) {
  return before?.enabled !== false && after?.enabled === false;
}

/** Asks before a plan is disabled. `action` saves it. */
export function DisablePlan({ name, action, onClose }) {
  return html`
    <${Confirm} title=${`Disable the plan ${name}?`} confirm="Save and disable" action=${action} onClose=${onClose}>
      <p>All calls of keys, tokens and certificates on this plan will be refused with 403.</p>
    <//>`;
}
