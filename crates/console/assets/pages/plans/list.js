// The list of plans.

import { allItems } from "../../app/api.js";
import { planLimits } from "../../app/format.js";
import { html, useState } from "../../app/html.js";
import { NEW } from "../../app/new_document.js";
import { useResource } from "../../app/resource.js";
import { href, navigate } from "../../app/router.js";
import { ActionButton, Button } from "../../components/button.js";
import { Notice } from "../../components/notice.js";
import { Page } from "../../components/page.js";
import { Empty, Missing, Resource } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { keyCount, useKeyCounts } from "./counts.js";
import { DeletePlan } from "./delete.js";

/** The number of plans that are listed. */
const MAX_PLANS = 500;
/** The number of plans whose keys are counted. */
const MAX_COUNTED = 50;

const INTRO = "A plan has the limits of each of its callers: a rate, and quotas per hour, day, week, month or year.";

async function loadPlans(signal) {
  return allItems("/plans", { most: MAX_PLANS, signal });
}

/** Shows all plans, with the number of their keys. */
export function PlanList() {
  const plans = useResource("plans", loadPlans);
  const [deleting, setDeleting] = useState(undefined);
  const [deleted, setDeleted] = useState(undefined);

  const create = () => navigate(["plans", NEW]);
  const actions = html`
    <${ActionButton} kind="primary" method="PUT" path="/plans/new" onClick=${create}>Create a plan<//>`;
  const afterDeletion = (name) => {
    setDeleted(name);
    plans.reload();
  };
  return html`
    <${Page} title="Plans" intro=${INTRO} actions=${actions}>
      ${deleted ? html`<${Notice} kind="success" title=${`The plan ${deleted} is deleted.`} />` : null}
      <${Resource} resource=${plans} label="Loading plans">
        ${(items) => html`<${PlanTable} items=${items} onCreate=${create} onDelete=${setDeleting} />`}
      <//>
      ${deleting
        ? html`
          <${DeletePlan} name=${deleting.name} etag=${deleting.etag} onClose=${() => setDeleting(undefined)}
            onDeleted=${afterDeletion} />`
        : null}
    <//>`;
}

function PlanTable({ items, onCreate, onDelete }) {
  const counted = new Set(items.slice(0, MAX_COUNTED).map(({ name }) => name));
  const counts = useKeyCounts([...counted]);
  if (items.length === 0) {
    const create = html`
      <${ActionButton} kind="primary" method="PUT" path="/plans/new" onClick=${onCreate}>Create a plan<//>`;
    return html`
      <${Empty} title="There are no plans yet" actions=${create}>
        Create a plan first. Each key then belongs to a plan.
      <//>`;
  }

  const failed = items.filter(({ name }) => counts[name]?.error);
  const missing = failed.map(({ name }) => ({ what: `Keys on ${name}`, reason: counts[name].error.message }));
  const columns = [
    { title: "Name", cell: ({ name }) => html`<a href=${href(["plans", name])}>${name}</a>` },
    { title: "Limits of each caller", cell: ({ plan }) => html`<${Limits} plan=${plan} />` },
    {
      title: "Keys",
      isNumber: true,
      cell: ({ name }) => html`<${Keys} name=${name} counted=${counts[name]} isCounted=${counted.has(name)} />`,
    },
    { title: "State", cell: (item) => html`<${Badges} plan=${item.plan} managedBy=${item.managed_by} />` },
    {
      title: "Actions",
      cell: (item) => html`
        <span class="actions row-actions">
          <${Button} aria-label=${`Copy the plan ${item.name}`}
            onClick=${() => navigate(["plans", NEW], { copy: item.name })}>Copy<//>
          <${ActionButton} method="DELETE" path=${`/plans/${item.name}`} aria-label=${`Delete the plan ${item.name}`}
            onClick=${() => onDelete(item)}>Delete<//>
        </span>`,
    },
  ];
  return html`
    <${Missing} items=${missing} />
    <${Table} caption="Plans" columns=${columns} rows=${items} rowKey=${({ name }) => name} />
    ${items.length === MAX_PLANS ? html`<p class="hint">The first ${MAX_PLANS} plans are listed.</p>` : null}`;
}

function Limits({ plan }) {
  const routes = Object.keys(plan.routes ?? {}).length;
  const text = routes === 1 ? "1 route has its own rate" : `${routes} routes have their own rate`;
  return html`${planLimits(plan)}${routes > 0 ? html`<br /><span class="hint">${text}</span>` : null}`;
}

function Keys({ name, counted, isCounted }) {
  if (!isCounted) return html`<a href=${href(["keys"], { plan: name })}>show</a>`;
  if (!counted) return html`<span class="hint" aria-label="counting" role="img">…</span>`;
  if (counted.error) return html`<span class="hint">unknown</span>`;
  return html`<a href=${href(["keys"], { plan: name })}>${keyCount(counted)}</a>`;
}

/** Shows the states of a plan that differ from the usual ones. */
export function Badges({ plan, managedBy }) {
  return html`
    <span class="plan-badges">
      ${plan.enabled === false ? html`<span class="badge problem">disabled</span>` : null}
      ${plan.shadow ? html`<span class="badge warning">dry run</span>` : null}
      ${plan.shared_by_plan ? html`<span class="badge">shared by all keys</span>` : null}
      ${managedBy ? html`<span class="badge">managed by ${managedBy}</span>` : null}
    </span>`;
}
