// Moves a key to another plan, and shows what that changes in its limits.

import { html, useState } from "../../app/html.js";
import { compareLimits, planNotes } from "../../app/plan_comparison.js";
import { useAction } from "../../app/resource.js";
import { Button } from "../../components/button.js";
import { Dialog } from "../../components/dialog.js";
import { PlanField } from "../../components/key_form.js";
import { Notice } from "../../components/notice.js";
import { ProblemNotice } from "../../components/problem.js";
import { Table } from "../../components/table.js";
import { patchKey, withFreshKey } from "./save.js";

/** Asks for the plan. */
export function MoveKey({ keyed, etag, plans, onChanged, onReload, onClose }) {
  const [plan, setPlan] = useState("");
  const isChosen = plan !== "";
  const others = plans.data && new Map([...plans.data].filter(([name]) => name !== keyed.plan));
  const action = useAction(async () => {
    await withFreshKey(() => patchKey(keyed.key_id, { plan }, etag), onReload);
    onChanged({ title: `The key is on the plan ${plan} now` });
  });
  const submit = (event) => {
    event.preventDefault();
    if (isChosen) action.run();
  };
  return html`
    <${Dialog} title="Move the key to another plan" onClose=${onClose} isLocked=${action.isRunning}>
      <form onSubmit=${submit}>
        <${PlanField} label="New plan" isFirst plans=${{ ...plans, data: others }} value=${plan} onInput=${setPlan} />
        <p class="hint">
          A quota of the new plan continues the count and the grants of a quota with the same period and time zone. Any
          other quota starts at 0.
        </p>
        ${isChosen ? html`<${Changes} from=${plans.data?.get(keyed.plan)} to=${plans.data?.get(plan)} />` : null}
        ${action.error ? html`<${ProblemNotice} error=${action.error} />` : null}
        <div class="actions end">
          <${Button} onClick=${onClose} disabled=${action.isRunning}>Cancel<//>
          <${Button} type="submit" kind="primary" disabled=${!isChosen} isBusy=${action.isRunning}
            title=${isChosen ? undefined : "Choose a plan first."}>Move the key<//>
        </div>
      </form>
    <//>`;
}

const CHANGE = {
  higher: "▲ higher",
  lower: "▼ lower",
  same: "same",
  new: "▼ new limit",
  removed: "▲ no limit",
  other: "different",
};

function Changes({ from, to }) {
  if (!to) return null;
  if (!from) return html`<p class="hint">The limits of the current plan are not known, so they cannot be compared.</p>`;
  const rows = compareLimits(from, to);
  const columns = [
    { title: "Limit", cell: ({ name }) => name },
    { title: "Now", cell: ({ before }) => before ?? "none" },
    { title: "New plan", cell: ({ after }) => after ?? "none" },
    { title: "Change", cell: ({ change }) => CHANGE[change] },
  ];
  return html`
    ${planNotes(to).map((note) => html`<${Notice} key=${note} kind="warning" title=${note} />`)}
    <div role="status">
      ${rows.length === 0
        ? html`<p>Neither plan has a limit.</p>`
        : html`<${Table} caption="What changes in the limits" columns=${columns} rows=${rows}
            rowKey=${({ name }) => name} />`}
    </div>`;
}
