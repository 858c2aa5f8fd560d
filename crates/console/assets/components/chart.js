// Charts of numbers over time or over labels, with the same numbers as a table.

import { count } from "../app/format.js";
import { html, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../app/html.js";
import { Legend } from "./chart/legend.js";
import { ChartTable } from "./chart/numbers.js";
import { columnsOf, createPlot, isDense } from "./chart/plot.js";

/**
 * A series of a chart. `kind` is `line` (the default), `bar`, or `limit`: a line for a limit such as a quota,
 * with the same value at each point. `values` has one number for each position of the chart; null is a gap.
 * `color` is 1 to 5 for the custom properties `--series-1` to `--series-5`; by default, series count up.
 *
 * @typedef {{label: string, values: (number | null | undefined)[], kind?: "line" | "bar" | "limit",
 *   color?: number}} ChartSeries
 */

/**
 * Shows a chart with its caption, a legend with the sums or the values at the pointer, and a table of the numbers.
 *
 * @param {object} properties
 * @param {string} properties.caption
 * @param {(string | number | Date)[]} properties.x instants in ascending order, or labels such as days
 * @param {"time" | "label"} [properties.xKind] `label` places the positions at equal distances
 * @param {string} [properties.xTitle] the heading of the first column of the table
 * @param {ChartSeries[]} properties.series
 * @param {boolean} [properties.isStacked] stacks the bars, the first series at the bottom
 * @param {boolean} [properties.isWhole] the axis has whole numbers only
 * @param {(value?: number | null) => string} [properties.format] a value as text, with its unit
 * @param {number} [properties.height] in CSS pixels
 * @param {string} [properties.hint] a sentence below the caption
 */
export function Chart({
  caption,
  x,
  xKind = "time",
  xTitle = xKind === "time" ? "Time" : "Label",
  series,
  isStacked = false,
  isWhole = false,
  format = count,
  height = 220,
  hint,
}) {
  const id = useId();
  const [cursor, setCursor] = useState(null);
  const chart = { caption, x, xKind, xTitle, series, isStacked, isWhole, format };
  const box = usePlot(chart, height, setCursor);

  const pointed = cursor !== null && cursor < x.length ? cursor : undefined;
  return html`
    <figure class="chart" aria-labelledby=${id}>
      <figcaption id=${id}>
        <span class="chart-caption">${caption}</span>
        ${hint ? html`<span class="hint">${hint}</span>` : null}
      </figcaption>
      <${Legend} chart=${chart} index=${pointed} />
      <div class="chart-plot" ref=${box} aria-hidden="true" style=${{ height: `${height}px` }}></div>
      <${ChartTable} chart=${chart} />
    </figure>`;
}

/** Keeps a plot in a box: its numbers, its size and its colours. Returns the reference of the box. */
function usePlot(chart, height, onCursor) {
  const box = useRef(null);
  const current = useRef(null);
  const latest = useRef(chart);
  latest.current = chart;

  const shape = shapeOf(chart);
  useLayoutEffect(() => {
    const element = box.current;
    const created = createPlot(element, () => latest.current, { width: element.clientWidth, height }, onCursor);
    current.current = created.plot;
    const stop = [observeSize(element, created.plot, height), observeScheme(created.recolor)];
    return () => {
      for (const end of stop) end();
      created.plot.destroy();
    };
  }, [shape, height]);

  const columns = useMemo(() => columnsOf(chart), [chart.x, chart.series, shape]);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) current.current.setData(columns);
    isFirst.current = false;
  }, [columns]);
  return box;
}

/** Identifies what a plot cannot change: another shape needs another plot. */
function shapeOf(chart) {
  const series = chart.series.map(({ label, kind, color }) => [label, kind, color]);
  return JSON.stringify([chart.xKind, chart.isStacked, chart.isWhole, isDense(chart), series]);
}

function observeSize(element, plot, height) {
  const observer = new ResizeObserver(() => {
    const width = element.clientWidth;
    if (width > 0 && width !== plot.width) plot.setSize({ width, height });
  });
  observer.observe(element);
  return () => observer.disconnect();
}

/** Calls `recolor` when the colour scheme changes, by the system or by an attribute of the page. */
function observeScheme(recolor) {
  const queries = ["(prefers-color-scheme: dark)", "(forced-colors: active)"].map((query) => window.matchMedia(query));
  for (const query of queries) query.addEventListener("change", recolor);
  const observer = new MutationObserver(recolor);
  observer.observe(document.documentElement, { attributes: true });
  return () => {
    for (const query of queries) query.removeEventListener("change", recolor);
    observer.disconnect();
  };
}
