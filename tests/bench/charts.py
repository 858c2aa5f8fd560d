"""Draws charts as SVG, for light and dark backgrounds. Each row is labelled with its value.

A chart has bars from zero. If the shortest bar would be too short to compare, it has dots on a
logarithmic scale instead, because the length of a bar means nothing there.
"""

import dataclasses
import math
from html import escape

LABEL_WIDTH, PLOT_WIDTH, VALUE_WIDTH = 270, 380, 110
TOP, ROW_HEIGHT, BAR_HEIGHT, LEGEND_HEIGHT, AXIS_HEIGHT = 30, 26, 18, 26, 20
WIDTH = LABEL_WIDTH + PLOT_WIDTH + VALUE_WIDTH
# Shorter bars cannot be compared.
SHORTEST_BAR_SHARE = 1 / 30
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 13px } .small { font-size: 11px; fill: #57606a }
    .ours { fill: #1f6feb } .peer { fill: #8b949e } .spread { stroke: #57606a; stroke-width: 1.5; fill: none }
    .grid { stroke: #d0d7de; stroke-width: 1 }
    @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #3d444d }
        .ours { fill: #58a6ff } .peer { fill: #6e7681 } .spread { stroke: #c9d1d9 }
    }
"""


def number(value: float) -> str:
    """Formats a number with three significant digits."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def direction(unit: str) -> str:
    """Returns how to read a unit. Of rates, more is better. Of times, sizes and counts, less is."""
    return "higher is better" if unit.endswith("/s") else "lower is better"


@dataclasses.dataclass
class Scale:
    """The horizontal positions of values up to `high`: linear from zero, or logarithmic from `low`."""

    low: float
    high: float
    is_logarithmic: bool = False
    has_zero: bool = False

    @classmethod
    def of(cls, rows: list[dict]) -> "Scale":
        """Returns the scale for the medians and spreads of rows."""
        values = [row[name] for row in rows for name in ("min", "median", "max") if name in row]
        positive = [value for value in values if value > 0]
        medians = [row["median"] for row in rows if row.get("median", 0) > 0]
        if not medians or min(medians) >= max(positive) * SHORTEST_BAR_SHARE:
            return cls(0, max(positive, default=1))

        low = 10.0 ** math.floor(math.log10(min(positive)))
        high = 10.0 ** math.ceil(math.log10(max(positive)))
        has_zero = min(values) == 0
        return cls(low / 10 if has_zero else low, high, True, has_zero)

    def position(self, value: float) -> float:
        """Returns the position of a value. Zero is at the left edge."""
        if not self.is_logarithmic:
            return LABEL_WIDTH + value / self.high * PLOT_WIDTH
        if value <= self.low:
            return LABEL_WIDTH
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return LABEL_WIDTH + share * PLOT_WIDTH

    def ticks(self) -> list[tuple[float, str]]:
        """Returns the powers of ten of a logarithmic scale with labels. Zero replaces the first."""
        count = round(math.log10(self.high / self.low))
        values = [self.low * 10.0**step for step in range(count + 1)]
        labels = [f"{value:,.0f}" if value >= 1 else f"{value:g}" for value in values]
        if self.has_zero:
            labels[0] = "0"
        return list(zip(values, labels, strict=True))


def chart(table: dict) -> str:
    """Draws a table's document."""
    rows, unit = table["rows"], table["unit"]
    scale = Scale.of(rows)
    kind = ", logarithmic scale" if scale.is_logarithmic else ""
    title = f"{table['name']}, {unit} ({direction(unit)}{kind})"

    bottom = TOP + len(rows) * ROW_HEIGHT
    drawn = [draw_row(row, TOP + index * ROW_HEIGHT, scale) for index, row in enumerate(rows)]
    axis = draw_axis(scale, bottom) if scale.is_logarithmic else ""
    legend_top = bottom + (AXIS_HEIGHT if scale.is_logarithmic else 0)
    legend = draw_legend(rows, legend_top, scale.is_logarithmic)
    height = legend_top + LEGEND_HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f'<text class="title" x="0" y="16">{escape(title)}</text>{axis}{"".join(drawn)}{legend}</svg>\n'
    )


def draw_row(row: dict, top: int, scale: Scale) -> str:
    middle = top + BAR_HEIGHT / 2
    label = text(LABEL_WIDTH - 8, middle + 4, row["name"], anchor="end")
    if "failed" in row:
        return label + text(LABEL_WIDTH, middle + 4, row["failed"][:60])

    end = scale.position(row["median"])
    kind = "ours" if row["ours"] else "peer"
    shape = dot(kind, end, middle) if scale.is_logarithmic else bar(kind, end, top)
    low, high = scale.position(row["min"]), scale.position(row["max"])
    spread = whisker(low, high, middle) if row["runs"] > 1 else ""
    return label + shape + spread + text(max(end, high) + 9, middle + 4, number(row["median"]))


def draw_axis(scale: Scale, bottom: int) -> str:
    """Draws a line and a label for each power of ten."""
    lines = []
    for value, label in scale.ticks():
        x = scale.position(value)
        lines.append(f'<path class="grid" d="M{x:.1f} {TOP - 4}V{bottom}"/>')
        lines.append(text(x, bottom + 13, label, anchor="middle", kind="small"))
    return "".join(lines)


def draw_legend(rows: list[dict], top: int, is_logarithmic: bool) -> str:
    """Draws what colours, dots and whiskers mean, as far as the chart has them."""
    measured = [row for row in rows if "median" in row]
    middle, x = top + 14, LABEL_WIDTH
    median = "median" if any(row["runs"] > 1 for row in measured) else "value"
    parts = []
    for kind, name in (("ours", "Tollgate"), ("peer", "others")):
        if any(row["ours"] == (kind == "ours") for row in measured):
            box = bar(kind, x + 10, middle - 5, 10, x)
            sign = dot(kind, x + 5, middle) if is_logarithmic else box
            parts += [sign, text(x + 15, middle + 4, f"{name}, {median}", kind="small")]
            x += 115
    if median == "median":
        parts += [
            whisker(x, x + 24, middle),
            text(x + 32, middle + 4, "minimum to maximum of the runs", kind="small"),
        ]
    return "".join(parts)


def bar(
    kind: str, end: float, top: float, height: int = BAR_HEIGHT, start: float = LABEL_WIDTH
) -> str:
    width = max(1.0, end - start)
    size = f'width="{width:.1f}" height="{height}"'
    return f'<rect class="{kind}" x="{start}" y="{top}" {size} rx="2"/>'


def dot(kind: str, x: float, middle: float) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{middle}" r="5"/>'


def whisker(low: float, high: float, middle: float) -> str:
    """Draws a line with a cap at each end."""
    caps = "".join(f"M{x:.1f} {middle - 4}V{middle + 4}" for x in (low, high))
    return f'<path class="spread" d="M{low:.1f} {middle}H{high:.1f}{caps}"/>'


def text(x: float, y: float, content: str, anchor: str = "", kind: str = "") -> str:
    attributes = f' text-anchor="{anchor}"' if anchor else ""
    attributes += f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(content)}</text>'
