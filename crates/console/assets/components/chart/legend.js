// The legend of a chart, with the sums of the bars, or the values at the crosshair.

import { isUtcZone, utcTime } from "../../app/format.js";
import { html } from "../../app/html.js";
import { instantText, zoneName } from "./axis.js";
import { Swatch } from "./marks.js";

/**
 * Shows the names of the series, and their values at `index`, the point below the pointer. Without a pointer it shows
 * what bars add up to: lines, such as percentiles, have no sum.
 */
export function Legend({ chart, index }) {
  const { series, format } = chart;
  const isPointed = index !== undefined;
  const valueOf = (one) => (isPointed ? format(one.values[index]) : totalText(one, format));
  const hasSums = series.some(({ kind }) => kind === "bar");
  const withoutPointer = hasSums ? "Sums of all that is shown" : "\u00a0";
  return html`
    <div class="chart-legend">
      <ul>
        ${series.map((one, place) => html`
          <li key=${one.label}>
            <${Swatch} series=${one} index=${place} />
            <span>${one.label}</span>
            <span class="chart-value">${valueOf(one)}</span>
          </li>`)}
      </ul>
      <p class="chart-at">
        ${isPointed ? html`<${Position} chart=${chart} index=${index} />` : withoutPointer}
      </p>
    </div>`;
}

/** Returns the sum of bars, a limit, or nothing for a line. */
function totalText({ kind, values }, format) {
  if (kind === "limit") return format(values.at(-1));
  return kind === "bar" ? format(sumOf(values)) : "";
}

/** Returns the sum of the values that are known, or null if none is. */
export function sumOf(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
}

function Position({ chart: { x, xKind }, index }) {
  const at = x[index];
  if (xKind === "label") return html`<span>${at}</span>`;
  const instant = new Date(at);
  const spanMs = new Date(x.at(-1)) - new Date(x[0]);
  const utc = html`<span class="utc">(${utcTime(instant)})</span>`;
  return html`
    <time datetime=${instant.toISOString()} title=${zoneName()}>
      ${isUtcZone(instant) ? utcTime(instant) : html`${instantText(instant, spanMs)} ${utc}`}
    </time>`;
}
