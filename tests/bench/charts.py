"""Draws bar charts as SVG, for light and dark backgrounds. Each bar is labelled with its value."""

from html import escape

BAR_HEIGHT, BAR_GAP, LABEL_WIDTH, BAR_WIDTH, VALUE_WIDTH = 18, 8, 250, 380, 110
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 13px }
    .ours { fill: #1f6feb } .peer { fill: #8b949e } .spread { stroke: #57606a; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3 } .ours { fill: #58a6ff } .peer { fill: #6e7681 } .spread { stroke: #c9d1d9 }
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


def chart(table: dict) -> str:
    """Draws a table's document. The line at the end of a bar shows the minimum and the maximum of
    its runs.
    """
    rows = table["rows"]
    maximum = max((row["max"] for row in rows if "max" in row), default=0) or 1
    height = 34 + len(rows) * (BAR_HEIGHT + BAR_GAP)
    title = f"{table['name']}, {table['unit']}"
    bars = "".join(
        bar(row, 30 + index * (BAR_HEIGHT + BAR_GAP), maximum) for index, row in enumerate(rows)
    )
    width = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH

    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f'<text class="title" x="0" y="16">{escape(title)}</text>{bars}</svg>\n'
    )


def bar(row: dict, top: int, maximum: float) -> str:
    middle = top + BAR_HEIGHT / 2
    label = f'<text x="{LABEL_WIDTH - 8}" y="{middle + 4}" text-anchor="end">{escape(row["name"])}</text>'
    if "failed" in row:
        return (
            label + f'<text x="{LABEL_WIDTH}" y="{middle + 4}">{escape(row["failed"][:60])}</text>'
        )

    length = max(1.0, row["median"] / maximum * BAR_WIDTH)
    kind = "ours" if row["ours"] else "peer"
    shape = f'<rect class="{kind}" x="{LABEL_WIDTH}" y="{top}" width="{length:.1f}" height="{BAR_HEIGHT}" rx="2"/>'
    low, high = (LABEL_WIDTH + row[end] / maximum * BAR_WIDTH for end in ("min", "max"))
    spread = (
        f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        if row["runs"] > 1
        else ""
    )
    value = f'<text x="{max(LABEL_WIDTH + length, high) + 6:.1f}" y="{middle + 4}">{number(row["median"])}</text>'
    return label + shape + spread + value
