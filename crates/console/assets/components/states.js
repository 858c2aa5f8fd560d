// The states of loaded data: loading, slow, failed, empty.

import { KIND } from "../app/api_error.js";
import { html } from "../app/html.js";
import { Button } from "./button.js";
import { ProblemNotice } from "./problem.js";
import { Prose } from "./prose.js";

/** Shows that data is loading. `onCancel` adds a button once it is slow. */
export function Loading({ label = "Loading", isSlow = false, onCancel }) {
  return html`
    <div class="loading" role="status" aria-live="polite">
      <span class="spinner" aria-hidden="true"></span>
      <span>${isSlow ? `${label} takes longer than usual …` : `${label} …`}</span>
      ${isSlow && onCancel ? html`<${Button} onClick=${onCancel}>Cancel<//>` : null}
    </div>`;
}

/** Shows grey lines in place of text that is loading. */
export function Skeleton({ lines = 5 }) {
  const all = Array.from({ length: lines }, (_, index) => html`<span key=${index}></span>`);
  return html`<div class="skeleton" aria-hidden="true">${all}</div>`;
}

/** Shows that there is nothing yet, and the next step. */
export function Empty({ title, children, actions }) {
  return html`
    <div class="empty">
      <p class="empty-title">${title}</p>
      ${children ? html`<p>${children}</p>` : null}
      ${actions ? html`<div class="actions">${actions}</div>` : null}
    </div>`;
}

/**
 * Shows a resource in its state. `children` is a function of the data. After a failed reload it shows
 * the previous data and the error. `skeleton` replaces the grey lines while loading.
 */
export function Resource({ resource, label, children, skeleton }) {
  const { data, error, isSlow, reload, cancel } = resource;
  if (data === undefined && error) return html`<${ProblemNotice} error=${error} onRetry=${reload} />`;
  if (data === undefined) {
    return html`
      <${Loading} label=${label} isSlow=${isSlow} onCancel=${cancel} />
      ${skeleton ?? html`<${Skeleton} />`}`;
  }
  // The frame reports a lost connection, for all parts of the page together.
  const isReported = error?.kind === KIND.unreachable || error?.kind === KIND.session;
  return html`
    ${error && !isReported ? html`<${ProblemNotice} error=${error} title="These figures are not current" onRetry=${reload} />` : null}
    ${children(data)}`;
}

/** Names the parts of a result that are missing, with the reasons. */
export function Missing({ items }) {
  if (!items || items.length === 0) return null;
  return html`
    <div class="notice warning" role="status">
      <p class="notice-title">Some data is missing</p>
      <ul>${items.map(({ what, reason }) => html`<li key=${what}><strong>${what}</strong>: <${Prose} text=${reason} /></li>`)}</ul>
    </div>`;
}
