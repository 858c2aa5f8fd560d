// Drawing with uPlot.

import uPlot from "../../vendor/uplot.js";
import { DECIMAL_STEPS, labelTexts, timeTexts, WHOLE_STEPS } from "./axis.js";
import { fillOf, markOf } from "./marks.js";

const FONT = "12px system-ui, sans-serif";
const CHARACTER_PX = 7;
const MIN_Y_AXIS_PX = 52;
const X_AXIS_PX = 30;
const LINE_PX = 18;
const MAX_BAR_PX = 40;
/** The distance between labels of the x axis, at least, on wide and on narrow charts. */
const LABEL_SPACE_PX = 88;
const NARROW_LABEL_SPACE_PX = 56;
const NARROW_PX = 420;
/** The number of characters of a label of the x axis, at least. */
const LABEL_LENGTH = 14;

/** The number of bars from which they are narrow. */
const DENSE = 45;

/** True if the bars of a chart are narrow. */
export function isDense({ x }) {
  return x.length >= DENSE;
}

/** Returns a function from a custom property of CSS to its value. */
export function colorsOf(element) {
  const style = getComputedStyle(element);
  return (variable) => style.getPropertyValue(variable).trim();
}

/**
 * Returns the columns of uPlot: positions, then values by series. In a stack, the first column is the sum of
 * all bars, and the last one of the bars is the lowest part, because later ones are drawn over earlier ones.
 */
export function columnsOf({ x, xKind, series, isStacked }) {
  const positions = xKind === "label" ? x.map((_, index) => index) : x.map((at) => new Date(at).getTime() / 1_000);
  const columns = isStacked ? stack(series) : series.map(({ values }) => values);
  return [positions, ...drawOrder(series, isStacked).map((index) => columns[index])];
}

/** Returns the indexes of the series in the order in which they are drawn. */
export function drawOrder(series, isStacked) {
  const indexes = series.map((_, index) => index);
  const isBar = (index) => series[index].kind === "bar";
  const bars = indexes.filter(isBar);
  return [...(isStacked ? bars.reverse() : bars), ...indexes.filter((index) => !isBar(index))];
}

/** Returns the upper ends of stacked bars. A bar without a value has none, so that no outline is drawn for it. */
function stack(series) {
  let below;
  return series.map(({ kind, values }) => {
    if (kind !== "bar") return values;
    const ends = values.map((value, index) => (value ?? 0) + (below?.[index] ?? 0));
    below = ends;
    return ends.map((end, index) => (values[index] ? end : null));
  });
}

/** Creates a plot in `element`. `onCursor` gets the index of the point below the pointer, or null. */
export function createPlot(element, chart, size, onCursor) {
  const theme = { colors: colorsOf(element) };
  const plot = new uPlot(optionsOf(chart, size, theme, onCursor), columnsOf(chart()), element);
  return {
    plot,
    /** Draws again with the colours of the current scheme. */
    recolor: () => {
      theme.colors = colorsOf(element);
      plot.redraw(true, true);
    },
  };
}

function optionsOf(chart, size, theme, onCursor) {
  const { series, isStacked, xKind } = chart();
  // Outlines of narrow bars would cover their patterns.
  const outline = isDense(chart()) ? 0 : 1;
  return {
    ...size,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: series.some(isLine), size: 7 } },
    scales: { x: { time: xKind !== "label", range: xRange }, y: { range: yRange } },
    axes: [xAxis(chart, theme), yAxis(chart, theme)],
    series: [{}, ...drawOrder(series, isStacked).map((index) => seriesOptions(series[index], index, theme, outline))],
    hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
  };
}

function isLine({ kind }) {
  return kind !== "bar";
}

/** Leaves room for half a bar at both ends. */
function xRange(plot, min, max) {
  const positions = plot.data[0];
  const hasBars = plot.series.some(({ isBar }) => isBar);
  const step = positions.length > 1 ? (max - min) / (positions.length - 1) : 1;
  const room = hasBars || min === max ? step / 2 : 0;
  return [min - room, max + room];
}

function yRange(plot, min, max) {
  return max > 0 ? uPlot.rangeNum(0, max, 0.1, true) : [0, 1];
}

function seriesOptions(series, index, theme, outline) {
  const mark = markOf(series, index);
  const color = () => theme.colors(mark.variable);
  if (series.kind !== "bar") {
    return { label: series.label, stroke: color, width: 1.75, dash: mark.dash, points: { show: isAlone } };
  }
  return {
    label: series.label,
    isBar: true,
    stroke: color,
    width: outline,
    fill: (plot) => fillOf(plot.ctx, mark, theme.colors, devicePixelRatio),
    paths: uPlot.paths.bars({ size: [0.7, MAX_BAR_PX] }),
    points: { show: false },
  };
}

/** True if a line has values that no segment shows, because both neighbours are missing. */
function isAlone(plot, index) {
  const values = plot.data[index];
  const isKnown = (position) => values[position] !== null && values[position] !== undefined;
  return values.some((_, position) => isKnown(position) && !isKnown(position - 1) && !isKnown(position + 1));
}

function axisColors(theme) {
  const line = () => theme.colors("--line");
  return {
    stroke: () => theme.colors("--muted"),
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
    font: FONT,
  };
}

function xAxis(chart, theme) {
  const common = { ...axisColors(theme), gap: 6 };
  if (chart().xKind !== "label") {
    const values = (plot, splits, axis, space, step) => timeTexts(splits, step);
    return { ...common, space: labelSpace, size: xAxisHeight, grid: { show: false }, values };
  }
  const values = (plot, splits) => labelTexts(splits, chart().x, labelLength(plot, splits));
  return { ...common, space: LABEL_LENGTH * CHARACTER_PX, size: X_AXIS_PX, grid: { show: false }, incrs: WHOLE_STEPS, values };
}

function labelSpace(plot, axis, min, max, width) {
  return width < NARROW_PX ? NARROW_LABEL_SPACE_PX : LABEL_SPACE_PX;
}

/** Returns the number of characters for which there is room below a bar. */
function labelLength(plot, splits) {
  const width = plot.bbox.width / devicePixelRatio;
  return Math.max(LABEL_LENGTH, Math.floor(width / Math.max(1, splits.length) / CHARACTER_PX) - 1);
}

/** Returns the height of the texts: two lines if a day begins between them. */
function xAxisHeight(plot, texts) {
  return (texts ?? []).some((text) => text.includes("\n")) ? X_AXIS_PX + LINE_PX : X_AXIS_PX;
}

function yAxisWidth(plot, texts) {
  const longest = Math.max(0, ...(texts ?? []).map((text) => text.length));
  return Math.max(MIN_Y_AXIS_PX, 16 + CHARACTER_PX * longest);
}

function yAxis(chart, theme) {
  return {
    ...axisColors(theme),
    gap: 6,
    space: 36,
    incrs: chart().isWhole ? WHOLE_STEPS : DECIMAL_STEPS,
    size: yAxisWidth,
    values: (plot, splits) => splits.map((value) => chart().format(value)),
  };
}
