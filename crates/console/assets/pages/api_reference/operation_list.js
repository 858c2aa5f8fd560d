// The operations by tag, with a search.

import { html, useMemo, useState } from "../../app/html.js";
import { href, navigate } from "../../app/router.js";
import { Field } from "../../components/field.js";
import { byTag, matching } from "./description.js";

/** Shows links to all operations that match the search. Enter opens the first one. `current` is the id of one. */
export function OperationList({ operations, current }) {
  const [search, setSearch] = useState("");
  const found = useMemo(() => matching(operations, search), [operations, search]);
  const submit = (event) => {
    event.preventDefault();
    if (search !== "" && found.length > 0) navigate(["api", found[0].id]);
  };
  return html`
    <nav class="api-list" aria-label="Operations">
      <form role="search" onSubmit=${submit}>
        <${Field} label="Search operations" type="search" value=${search} onInput=${setSearch}
          placeholder="For example: rotate" />
      </form>
      <p class="visually-hidden" role="status">
        ${search === "" ? "" : `${found.length} of ${operations.length} operations`}
      </p>
      ${found.length === 0 ? html`<p class="hint">No operation contains these words.</p>` : null}
      ${byTag(found).map(([tag, group]) => html`
        <section key=${tag}>
          <h2>${tag}</h2>
          <ul>
            ${group.map((operation) => html`
              <${Entry} key=${operation.id} operation=${operation} current=${current} />`)}
          </ul>
        </section>`)}
    </nav>`;
}

function Entry({ operation: { id, method, title }, current }) {
  return html`
    <li>
      <a href=${href(["api", id])} aria-current=${id === current ? "true" : undefined}>
        <span>${title}</span> <span class=${`api-method ${method.toLowerCase()}`}>${method}</span>
      </a>
    </li>`;
}
