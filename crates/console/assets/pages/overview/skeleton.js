// Grey boxes in the place of the figures, so that nothing moves when they arrive.

import { html } from "../../app/html.js";

const TILES = [...Array(6).keys()];

/** Shows the boxes of an overview that is loading. */
export function OverviewSkeleton() {
  return html`
    <div aria-hidden="true">
      <div class="tiles">${TILES.map((tile) => html`<div key=${tile} class="tile is-empty"></div>`)}</div>
      <div class="chart is-empty"></div>
    </div>`;
}
