// One operation: its parameters, body, responses and command line.

import { html } from "../../app/html.js";
import { CopyButton } from "../../components/copy_button.js";
import { Section } from "../../components/page.js";
import { bodyText, curlCommand } from "./curl.js";
import { Paragraphs } from "./paragraphs.js";
import { Responses } from "./responses.js";
import { Schema, Type } from "./schema.js";

/** Shows an operation of a description. */
export function Operation({ document, operation, target }) {
  const { method, path, title, description, parameters, requestBody, responses = {} } = operation;
  const curl = curlCommand(operation, target);
  return html`
    <article class="api-operation" aria-label=${title}>
      <h2>${title}</h2>
      <p class="api-address">
        <span class=${`api-method ${method.toLowerCase()}`}>${method}</span> <code>${path}</code>
      </p>
      <${Paragraphs} text=${description} />
      <${Security} document=${document} operation=${operation} isLocal=${target.kind === "local"} />
      <${Section} title="Command" actions=${html`<${CopyButton} text=${curl} label="Copy command" />`}>
        <pre class="api-code" tabindex="0" aria-label="Command">${curl}</pre>
      <//>
      ${parameters.length > 0 ? html`<${Parameters} document=${document} parameters=${parameters} />` : null}
      ${requestBody ? html`<${Body} document=${document} body=${requestBody} />` : null}
      <${Section} title="Responses"><${Responses} document=${document} responses=${responses} /><//>
    </article>`;
}

function Security({ document, operation: { security = [] }, isLocal }) {
  const schemes = security.flatMap((requirement) => Object.keys(requirement));
  if (schemes.length === 0) return html`<p class="hint">Needs no credentials.</p>`;
  const isOpenLocally = isLocal && schemes.includes("sigv4");
  const names = schemes.map((name) => SCHEME[name] ?? name);
  const texts = schemes.map((name) => [name, document.components?.securitySchemes?.[name]?.description ?? name]);
  return html`
    <details class="api-security">
      <summary>
        ${isOpenLocally ? "On AWS: needs" : "Needs"} ${names.length > 1 ? "one of " : ""}${names.join(", ")}
      </summary>
      ${isOpenLocally ? html`<p>The local gateway needs none from this machine.</p>` : null}
      ${texts.map(([name, text]) => html`<${Paragraphs} key=${name} text=${text} />`)}
    </details>`;
}

const SCHEME = {
  sigv4: "an IAM signature", api_key: "an API key", token: "a token", certificate: "a client certificate",
};

function Parameters({ document, parameters }) {
  return html`
    <${Section} title="Parameters">
      <ul class="api-schema boxed">
        ${parameters.map((parameter) => {
          const { name, in: place, required, schema = {}, description = schema.description } = parameter;
          return html`
            <li key=${`${place} ${name}`}>
              <p class="api-field">
                <code class="api-name">${name}</code>
                <span class="api-limits">in the ${place}</span>
                <${Type} document=${document} schema=${schema} />
                ${required ? html`<span class="badge">required</span>` : null}
              </p>
              <${Paragraphs} text=${description} />
            </li>`;
        })}
      </ul>
    <//>`;
}

function Body({ document, body: { content = {}, description, required } }) {
  return html`
    <${Section} title="Body">
      <${Paragraphs} text=${description} />
      ${required ? null : html`<p class="hint">The body is optional.</p>`}
      ${Object.entries(content).map(([type, media]) => html`
        <div key=${type} class="api-media">
          <h3><code>${type}</code></h3>
          <${Example} media=${media} />
          <${Schema} document=${document} schema=${media.schema} />
        </div>`)}
    <//>`;
}

function Example({ media }) {
  if (media.example === undefined) return null;
  const text = typeof media.example === "string" ? bodyText(media) : JSON.stringify(media.example, null, 2);
  return html`
    <div class="api-example">
      <p class="hint">Example</p><${CopyButton} text=${text} label="Copy example" />
    </div>
    <pre class="api-code" tabindex="0" aria-label="Example">${text}</pre>`;
}
