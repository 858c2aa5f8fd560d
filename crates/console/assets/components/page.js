// The heading of a page with its actions.

import { html } from "../app/html.js";

/** Shows a page: its title, an introduction, actions, and the content. */
export function Page({ title, intro, actions, children }) {
  return html`
    <div class="page-head">
      <div>
        <h1>${title}</h1>
        ${intro ? html`<p class="intro">${intro}</p>` : null}
      </div>
      ${actions ? html`<div class="actions">${actions}</div>` : null}
    </div>
    ${children}`;
}

/** Shows a part of a page with a heading. */
export function Section({ title, actions, children }) {
  return html`
    <section class="section">
      <div class="section-head"><h2>${title}</h2>${actions ? html`<div class="actions">${actions}</div>` : null}</div>
      ${children}
    </section>`;
}
