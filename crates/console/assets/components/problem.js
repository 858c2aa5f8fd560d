// A failed request, as the operator needs to see it.

import { KIND } from "../app/api_error.js";
import { html } from "../app/html.js";
import { Button } from "./button.js";
import { Notice } from "./notice.js";

const TITLE = {
  [KIND.denied]: "You may not do this",
  [KIND.changed]: "It has changed in the meantime",
  [KIND.unreachable]: "No connection",
  [KIND.timeout]: "No response in time",
  [KIND.cancelled]: "Cancelled",
  [KIND.session]: "The session has ended",
  [KIND.failed]: "The server failed",
};

/** Shows an error with its details. `onRetry` adds a button. */
export function ProblemNotice({ error, title, onRetry }) {
  const heading = title ?? TITLE[error.kind] ?? error.title ?? "The request was refused";
  const canRetry = onRetry && error.kind !== KIND.session;
  const actions = canRetry ? html`<${Button} onClick=${onRetry}>Try again<//>` : null;
  return html`
    <${Notice} kind="problem" title=${heading} actions=${actions}>
      <p>${error.message}${error.retryAfterS ? ` Try again in ${error.retryAfterS} s.` : ""}</p>
      <${Mistakes} errors=${error.errors ?? []} />
      ${error.requestId ? html`<p class="hint">Request ID <code>${error.requestId}</code></p>` : null}
    <//>`;
}

function Mistakes({ errors }) {
  if (errors.length === 0) return null;
  return html`<ul>
    ${errors.map(({ pointer, detail }, index) => html`<li key=${index}>${pointer ? html`<code>${pointer}</code> ` : null}${detail}</li>`)}
  </ul>`;
}
