// A small line without axes, which shows only the course of a figure.

import { html } from "../../app/html.js";

const WIDTH = 120;
const HEIGHT = 24;
/** The number of points to which long series are reduced. */
const MAX_POINTS = 45;

/** Shows the course of values. The figures themselves are in the text around it. */
export function Sparkline({ values, color }) {
  return html`
    <svg class=${`sparkline series-${color}`} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none"
      fill="none" stroke="currentColor" stroke-width="1.5" aria-hidden="true">
      <path d=${pathOf(reduce(values))} vector-effect="non-scaling-stroke" />
    </svg>`;
}

function isKnown(value) {
  return value !== null && value !== undefined;
}

/** Returns the means of neighbouring values, so that at most `MAX_POINTS` are left. */
export function reduce(values, most = MAX_POINTS) {
  const size = Math.ceil(values.length / most);
  return Array.from({ length: Math.ceil(values.length / Math.max(1, size)) }, (_, index) => {
    const part = values.slice(index * size, (index + 1) * size).filter(isKnown);
    return part.length > 0 ? part.reduce((sum, value) => sum + value, 0) / part.length : null;
  });
}

/** Returns the path of values, with gaps where there is none. */
export function pathOf(values) {
  const highest = Math.max(...values.map((value) => value ?? 0), Number.MIN_VALUE);
  const step = WIDTH / Math.max(1, values.length - 1);
  let isDrawing = false;
  return values.map((value, index) => {
    if (value === null) {
      isDrawing = false;
      return "";
    }
    const y = HEIGHT - 1 - (value / highest) * (HEIGHT - 2);
    const command = isDrawing ? "L" : "M";
    isDrawing = true;
    return `${command}${(index * step).toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
}
