// The charts of an overview: requests by outcome, and latency.

import { milliseconds } from "../../app/format.js";
import { html, useMemo } from "../../app/html.js";
import { Chart } from "../../components/chart.js";
import { countedPoints, OUTCOMES, stepText, succeeded } from "./figures.js";

const HEIGHT = 190;
const PERCENTILES = [
  { field: "p50_ms", title: "50 % below" },
  { field: "p95_ms", title: "95 % below" },
  { field: "p99_ms", title: "99 % below" },
];

/** Returns a figure of a point. Steps without requests have none of an outcome that is counted. */
function valueOf(point, field, totals) {
  return point[field] ?? (totals[field] === null ? null : 0);
}

/** Shows requests by outcome and percentiles of the latency over time. */
export function Charts({ overview }) {
  const points = useMemo(() => countedPoints(overview), [overview]);
  const x = useMemo(() => points.map(({ at }) => at), [points]);
  const outcomes = useMemo(() => [
    { label: "Successful and other", kind: "bar", color: 1, values: points.map(succeeded) },
    ...OUTCOMES.map(({ field, status, title, color }) => ({
      label: `${title} (${status})`,
      kind: "bar",
      color,
      values: points.map((point) => valueOf(point, field, overview.totals)),
    })),
  ], [points, overview]);
  const latency = useMemo(
    () => PERCENTILES.map(({ field, title }) => ({ label: title, values: points.map((point) => point[field]) })),
    [points],
  );

  const step = `per ${stepText(overview.step_s)}`;
  return html`
    <div class="overview-charts">
      <${Chart} caption="Requests by outcome" hint=${step} x=${x} series=${outcomes} isStacked isWhole height=${HEIGHT} />
      <${Chart} caption="Latency" hint="time to respond" x=${x} series=${latency} format=${milliseconds} height=${HEIGHT} />
    </div>`;
}
