// A failed request, as the operator needs to see it.

import { KIND } from "../app/api_error.js";
import { html } from "../app/html.js";
import { Button } from "./button.js";
import { Notice } from "./notice.js";
import { Prose } from "./prose.js";

const TITLE = {
  [KIND.denied]: "You may not do this",
  [KIND.changed]: "It has changed in the meantime",
  [KIND.unreachable]: "No connection",
  [KIND.timeout]: "No response in time",
  [KIND.cancelled]: "Cancelled",
  [KIND.session]: "The session has ended",
  [KIND.failed]: "The server failed",
};

/** Titles of requests that cannot be served as they are, by status. */
const TITLE_BY_STATUS = {
  400: "Some input is not valid",
  404: "It does not exist",
  409: "It conflicts with something that exists",
  413: "The text is too long",
  422: "Some input is not valid",
  429: "Too many requests",
};

/** Shows an error with its details. `onRetry` adds a button. */
export function ProblemNotice({ error, title, onRetry }) {
  const { errors = [], requestId } = error;
  const known = TITLE[error.kind] ?? TITLE_BY_STATUS[error.status];
  const heading = title ?? known ?? error.title ?? "The request was refused";
  // The mistakes say more than the sentence that there are some. Logs have no more about them.
  const isInput = error.kind === KIND.invalid;
  const hasMessage = !(isInput && errors.length > 0);
  const canRetry = onRetry && error.kind !== KIND.session;
  const actions = canRetry ? html`<${Button} onClick=${onRetry}>Try again<//>` : null;
  return html`
    <${Notice} kind="problem" title=${heading} actions=${actions}>
      ${hasMessage ? html`
        <p>
          <${Prose} text=${error.message} />${error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : ""}
        </p>` : null}
      <${Mistakes} errors=${errors} />
      ${requestId && !isInput ? html`<p class="hint">Request ID <code>${requestId}</code></p>` : null}
    <//>`;
}

function Mistakes({ errors }) {
  if (errors.length === 0) return null;
  return html`<ul>
    ${errors.map(({ pointer, detail }, index) => html`
      <li key=${index}>${pointer ? html`<code>${pointer}</code> ` : null}<${Prose} text=${detail} /></li>`)}
  </ul>`;
}
