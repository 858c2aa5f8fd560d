// The policies of the registry.

import { allItems } from "../../app/api.js";
import { html, useState } from "../../app/html.js";
import { NEW } from "../../app/new_document.js";
import { useResource } from "../../app/resource.js";
import { href, navigate } from "../../app/router.js";
import { ActionButton } from "../../components/button.js";
import { Notice } from "../../components/notice.js";
import { Section } from "../../components/page.js";
import { Empty, Resource } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { DeletePolicy } from "./delete.js";

const MAX_POLICIES = 500;

/** Returns the policies of the registry. */
export function loadPolicies(signal) {
  return allItems("/policies", { most: MAX_POLICIES, signal });
}

/** Lists the policies. `inForce` is the name of the one in force, if it is one of them. */
export function PolicyList({ inForce }) {
  const policies = useResource("policies", loadPolicies);
  const [deleting, setDeleting] = useState(undefined);
  const [deleted, setDeleted] = useState(undefined);
  const afterDeletion = (name) => {
    setDeleted(name);
    policies.reload();
  };
  return html`
    <${Section} title="Policies of the registry">
      ${deleted ? html`<${Notice} kind="success" title=${`The policy ${deleted} is deleted.`} />` : null}
      <${Resource} resource=${policies} label="Loading policies">
        ${(items) => html`<${PolicyTable} items=${items} inForce=${inForce} onDelete=${setDeleting} />`}
      <//>
      ${deleting
        ? html`
          <${DeletePolicy} name=${deleting.name} etag=${deleting.etag} isInForce=${deleting.name === inForce}
            onClose=${() => setDeleting(undefined)} onDeleted=${afterDeletion} />`
        : null}
    <//>`;
}

function PolicyTable({ items, inForce, onDelete }) {
  if (items.length === 0) {
    const open = () => navigate(["policy", NEW]);
    const create = html`<${ActionButton} method="PUT" path="/policies/new" onClick=${open}>Create a policy<//>`;
    return html`
      <${Empty} title="There are no policies in the registry" actions=${create}>
        A policy in the registry is used by authorizers with <code>AuthPolicy=table:NAME</code>. It can be changed
        ${" "}without a deployment, and tested with a candidate.
      <//>`;
  }
  const columns = [
    { title: "Name", cell: ({ name }) => html`<a href=${href(["policy", name])}>${name}</a>` },
    { title: "State", cell: (item) => html`<${Badges} item=${item} isInForce=${item.name === inForce} />` },
    {
      title: "Actions",
      cell: (item) => html`
        <span class="actions row-actions">
          <${ActionButton} method="DELETE" path=${`/policies/${item.name}`}
            aria-label=${`Delete the policy ${item.name}`} onClick=${() => onDelete(item)}>Delete<//>
        </span>`,
    },
  ];
  return html`
    <${Table} caption="Policies of the registry" columns=${columns} rows=${items} rowKey=${({ name }) => name} />
    ${items.length === MAX_POLICIES ? html`<p class="hint">The first ${MAX_POLICIES} policies are listed.</p>` : null}`;
}

function Badges({ item, isInForce }) {
  return html`
    <span class="plan-badges">
      ${isInForce ? html`<span class="badge ok">in force</span>` : null}
      ${item.candidate
        ? html`<a href=${href(["policy", item.name], { version: "candidate" })}>has a candidate</a>`
        : null}
      ${item.managed_by ? html`<span class="badge">managed by ${item.managed_by}</span>` : null}
    </span>`;
}
