// The responses of an operation.

import { html, useState } from "../../app/html.js";
import { Paragraphs } from "./paragraphs.js";
import { Schema } from "./schema.js";
import { typeText } from "./schema_text.js";

/** Shows the responses by status. The first success is open. */
export function Responses({ document, responses }) {
  const first = Object.keys(responses).find((status) => status.startsWith("2"));
  return html`
    <div class="api-responses">
      ${Object.entries(responses).map(([status, response]) => html`
        <${Response} key=${status} document=${document} status=${status} response=${response}
          isOpen=${status === first} />`)}
    </div>`;
}

function Response({ document, status, response, isOpen: isOpenFirst }) {
  const [isOpen, setIsOpen] = useState(isOpenFirst);
  const { description, headers = {}, content = {} } = response;
  const badge = html`<span class=${`badge ${status < "300" ? "ok" : ""}`}>${status}</span>`;
  const summary = html`${badge} <span>${description}</span>`;
  const isEmpty = Object.keys(headers).length + Object.keys(content).length === 0;
  if (isEmpty) return html`<p class="api-response">${summary}</p>`;

  return html`
    <details class="api-response" open=${isOpenFirst} onToggle=${(event) => setIsOpen(event.currentTarget.open)}>
      <summary>${summary}</summary>
      ${isOpen ? html`
        <${Headers} document=${document} headers=${headers} />
        ${Object.entries(content).map(([type, { schema }]) => html`
          <div key=${type} class="api-media">
            <h3><code>${type}</code> ${schema ? typeText(document, schema) : ""}</h3>
            ${schema ? html`<${Schema} document=${document} schema=${schema} />` : null}
          </div>`)}` : null}
    </details>`;
}

function Headers({ document, headers }) {
  const entries = Object.entries(headers);
  if (entries.length === 0) return null;
  return html`
    <h3>Headers</h3>
    <ul class="api-schema">
      ${entries.map(([name, { description, schema }]) => html`
        <li key=${name}>
          <p class="api-field"><code class="api-name">${name}</code>
            <span class="api-type">${schema ? typeText(document, schema) : ""}</span></p>
          <${Paragraphs} text=${description} />
        </li>`)}
    </ul>`;
}
