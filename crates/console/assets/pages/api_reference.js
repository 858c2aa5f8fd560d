// The page API reference: the operations of the description of the API.

import { html } from "../app/html.js";
import { downloadJson } from "../app/download.js";
import { useResource } from "../app/resource.js";
import { href } from "../app/router.js";
import { Button } from "../components/button.js";
import { Notice } from "../components/notice.js";
import { Page } from "../components/page.js";
import { Empty, Resource } from "../components/states.js";
import { byTag, loadDescription, loadedDescription } from "./api_reference/description.js";
import { Operation } from "./api_reference/operation.js";
import { OperationList } from "./api_reference/operation_list.js";
import { Paragraphs } from "./api_reference/paragraphs.js";

const INTRO = "The operations by which programs, the command line and this console manage Tollgate.";

/** Shows the list of operations, and the one in the address. */
export function ApiReference({ target, object }) {
  const resource = useResource("description", async (signal) => loadedDescription() ?? loadDescription(signal));
  const download = () => downloadJson("openapi.json", resource.data.document);
  const actions = resource.data ? html`<${Button} onClick=${download}>Download OpenAPI<//>` : null;
  return html`
    <${Page} title="API reference" intro=${INTRO} actions=${actions}>
      <${Resource} resource=${resource} label="Loading the description">
        ${(description) => html`<${Reference} description=${description} id=${object} target=${target} />`}
      <//>
    <//>`;
}

function Reference({ description: { document, isOwn, operations }, id, target }) {
  const operation = operations.find((candidate) => candidate.id === id);
  return html`
    ${isOwn ? html`
      <${Notice} title="This API does not publish its description">
        <p>This is the description of version ${target.version}, the version of this console. The version of the API
          may differ. With the parameter <code>PublicDescription=true</code>, the API publishes its own.</p>
      <//>` : null}
    <div class=${`api-page ${id === undefined ? "" : "selected"}`}>
      <${OperationList} operations=${operations} current=${id} />
      <div class="api-main">
        ${id === undefined ? html`<${Summary} document=${document} operations=${operations} />`
          : html`<a class="api-back" href=${href(["api"])}>All operations</a>`}
        ${operation ? html`
          <${Operation} key=${id} document=${document} operation=${operation} target=${target} />` : null}
        ${id !== undefined && !operation ? html`<${UnknownOperation} id=${id} />` : null}
      </div>
    </div>`;
}

function Summary({ document, operations }) {
  const { info = {}, tags = [] } = document;
  const texts = new Map(tags.map(({ name, description }) => [name, description]));
  return html`
    <div class="api-summary">
      <h2>${info.title} <span class="badge">version ${info.version}</span></h2>
      <${Paragraphs} text=${info.description} />
      <dl class="facts">
        ${byTag(operations).map(([tag, group]) => html`
          <dt key=${tag}>${tag}</dt>
          <dd>
            ${texts.get(tag) ?? ""}${" "}
            <span class="hint">${group.length} ${group.length === 1 ? "operation" : "operations"}</span>
          </dd>`)}
      </dl>
      <p>Choose an operation to see its parameters, its responses and a command for it.</p>
    </div>`;
}

function UnknownOperation({ id }) {
  const actions = html`<a class="button" href=${href(["api"])}>All operations</a>`;
  return html`<${Empty} title=${`There is no operation ${id}`} actions=${actions}>
    This version of the API may not have it.
  <//>`;
}
