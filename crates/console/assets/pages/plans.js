// The page Plans: the list, a plan, or a new plan.

import { html } from "../app/html.js";
import { NEW } from "../app/new_document.js";
import { EditPlan } from "./plans/edit.js";
import { PlanList } from "./plans/list.js";
import { NewPlan } from "./plans/new.js";

/** Shows the list of plans, the plan of the address, or a new plan. */
export function Plans({ route, object }) {
  if (object === undefined) return html`<${PlanList} />`;
  if (object === NEW) return html`<${NewPlan} copyOf=${route.parameters.get("copy") ?? undefined} />`;
  return html`<${EditPlan} name=${object} />`;
}
