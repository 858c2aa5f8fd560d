// The legend of a chart, with the values at the crosshair.

import { utcTime } from "../../app/format.js";
import { html } from "../../app/html.js";
import { instantText, zoneName } from "./axis.js";
import { Swatch } from "./marks.js";

/** Shows the names of the series, and their values at `index`: the point below the pointer, or the latest. */
export function Legend({ chart, index, isLatest }) {
  const { series, format } = chart;
  const hasValues = index !== undefined;
  return html`
    <div class="chart-legend">
      <ul>
        ${series.map((one, place) => html`
          <li key=${one.label}>
            <${Swatch} series=${one} index=${place} />
            <span>${one.label}</span>
            ${hasValues ? html`<span class="chart-value">${format(one.values[index])}</span>` : null}
          </li>`)}
      </ul>
      ${hasValues
        ? html`<p class="chart-at">${isLatest ? "Latest: " : null}<${Position} chart=${chart} index=${index} /></p>`
        : null}
    </div>`;
}

function Position({ chart: { x, xKind }, index }) {
  const at = x[index];
  if (xKind === "label") return html`<span>${at}</span>`;
  const instant = new Date(at);
  const spanMs = new Date(x.at(-1)) - new Date(x[0]);
  return html`
    <time datetime=${instant.toISOString()} title=${zoneName()}>
      ${instantText(instant, spanMs)} <span class="utc">(${utcTime(instant)})</span>
    </time>`;
}
