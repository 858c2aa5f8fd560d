// A schema as a list of fields, each of which can be opened.

import { html, useState } from "../../app/html.js";
import { Paragraphs } from "./paragraphs.js";
import { constraints, partsOf, resolve, typeText } from "./schema_text.js";

/** The depth to which schemas can be opened. */
const MAX_DEPTH = 12;

/** Shows the fields of a schema. References within themselves are named, not repeated. */
export function Schema({ document, schema, ancestors = [] }) {
  const { schema: resolved, name } = resolve(document, schema);
  const parts = partsOf(document, resolved);
  const path = name ? [...ancestors, name] : ancestors;
  if (parts.length === 0) return html`<p><${Type} document=${document} schema=${schema} /></p>`;
  return html`
    <ul class="api-schema">
      ${parts.map((part) => html`<${Part} key=${part.name} document=${document} part=${part} ancestors=${path} />`)}
    </ul>`;
}

function Part({ document, part, ancestors }) {
  const { schema, name } = resolve(document, part.schema);
  const isRepeated = name !== undefined && ancestors.includes(name);
  const children = isRepeated || ancestors.length >= MAX_DEPTH ? [] : partsOf(document, schema);
  return html`
    <li>
      <p class="api-field">
        <code class="api-name">${part.name}</code>
        <${Type} document=${document} schema=${part.schema} />
        ${part.isRequired ? html`<span class="badge">required</span>` : null}
        ${isRepeated ? html`<span class="hint">as above</span>` : null}
      </p>
      <${Paragraphs} text=${schema.description} />
      ${children.length > 0 ? html`
        <${Opened} count=${children.length} name=${part.name}>
          ${() => html`<${Schema} document=${document} schema=${part.schema} ancestors=${ancestors} />`}
        <//>` : null}
    </li>`;
}

/** Shows its children once they are opened, so that large schemas cost nothing before. */
function Opened({ count, name, children }) {
  const [isOpen, setIsOpen] = useState(false);
  return html`
    <details class="api-more" onToggle=${(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        Show ${count === 1 ? "the content" : `${count} parts`}<span class="visually-hidden"> of ${name}</span>
      </summary>
      ${isOpen ? children() : null}
    </details>`;
}

/** Shows the type of a schema and the limits of its values. */
export function Type({ document, schema }) {
  const limits = constraints(resolve(document, schema).schema);
  return html`
    <span class="api-type">${typeText(document, schema)}</span>
    ${limits.length > 0 ? html`<span class="api-limits">${limits.join("; ")}</span>` : null}`;
}
