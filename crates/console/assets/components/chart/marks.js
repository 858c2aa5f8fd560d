// How series look: each differs by its dash or pattern, not by its colour alone.

import { html } from "../../app/html.js";

/** The dashes of lines, in CSS pixels. The first line is solid. */
const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [1, 2]];
/** The strokes of the pattern of bars, as lines in a square of 8 by 8. The first pattern is solid. */
const PATTERNS = [
  null,
  [[-1, 9, 9, -1], [-1, 1, 1, -1], [7, 9, 9, 7]],
  [[0, 2, 8, 2], [0, 6, 8, 6]],
  [[-1, -1, 9, 9], [-1, 9, 9, -1]],
  [[2, 0, 2, 8], [6, 0, 6, 8]],
];
const PATTERN_SIZE = 8;
const COLORS = 5;

/** Returns the look of a series: `{ variable, dash, pattern }`. `variable` is a custom property of CSS. */
export function markOf(series, index) {
  const place = (series.color ?? index + 1) - 1;
  if (series.kind === "limit") return { variable: "--text", dash: [4, 4], pattern: null };
  return {
    variable: `--series-${(place % COLORS) + 1}`,
    dash: DASHES[place % DASHES.length],
    pattern: PATTERNS[place % PATTERNS.length],
  };
}

/** Returns the fill of bars for a canvas: a colour, or a pattern on the colour of the page. */
export function fillOf(context, mark, colors, ratio) {
  const color = colors(mark.variable);
  if (!mark.pattern) return color;

  const tile = document.createElement("canvas");
  tile.width = PATTERN_SIZE * ratio;
  tile.height = PATTERN_SIZE * ratio;
  const brush = tile.getContext("2d");
  brush.scale(ratio, ratio);
  brush.fillStyle = colors("--surface");
  brush.fillRect(0, 0, PATTERN_SIZE, PATTERN_SIZE);
  brush.strokeStyle = color;
  brush.lineWidth = 2;
  for (const [x1, y1, x2, y2] of mark.pattern) {
    brush.beginPath();
    brush.moveTo(x1, y1);
    brush.lineTo(x2, y2);
    brush.stroke();
  }
  return context.createPattern(tile, "repeat");
}

/** Shows the line or the bar of a series in the legend. */
export function Swatch({ series, index }) {
  const mark = markOf(series, index);
  // The class gives the colour: presentation attributes cannot name a custom property.
  const className = `swatch ${mark.variable.slice(2)}`;
  const Shape = series.kind === "bar" ? BarSwatch : LineSwatch;
  return html`<${Shape} className=${className} mark=${mark} />`;
}

function LineSwatch({ className, mark }) {
  const dash = mark.dash.join(" ") || "none";
  return html`
    <svg class=${className} width="24" height="12" stroke="currentColor" stroke-width="2" aria-hidden="true">
      <line x1="0" y1="6" x2="24" y2="6" stroke-dasharray=${dash} />
    </svg>`;
}

function BarSwatch({ className, mark }) {
  const fill = mark.pattern ? "none" : "currentColor";
  const lines = mark.pattern ?? [];
  return html`
    <svg class=${className} width="12" height="12" viewBox="-2 -2 12 12" stroke="currentColor" aria-hidden="true">
      <rect x="-1.5" y="-1.5" width="11" height="11" fill=${fill} />
      ${lines.map(([x1, y1, x2, y2], index) => html`
        <line key=${index} x1=${x1} y1=${y1} x2=${x2} y2=${y2} stroke-width="1.5" />`)}
    </svg>`;
}
