"""Bar charts as SVG, legible on dark and on light ground, each bar labelled with its value."""

from html import escape

BAR, GAP, LABELS, BARS, VALUES = 18, 8, 250, 380, 110
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600; font-size: 13px }
    .ours { fill: #1f6feb } .peer { fill: #8b949e } .spread { stroke: #57606a; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3 } .ours { fill: #58a6ff } .peer { fill: #6e7681 } .spread { stroke: #c9d1d9 }
    }
"""


def number(value: float) -> str:
    """Three digits that mean something."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def chart(table: dict) -> str:
    """Of a table's document. The line across a bar's end is from the least to the most of its runs."""
    rows = table["rows"]
    most = max((row["max"] for row in rows if "max" in row), default=0) or 1
    height = 34 + len(rows) * (BAR + GAP)
    title = f"{table['name']}, {table['unit']}"
    bars = "".join(bar(row, 30 + place * (BAR + GAP), most) for place, row in enumerate(rows))
    width = LABELS + BARS + VALUES
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f'<text class="title" x="0" y="16">{escape(title)}</text>{bars}</svg>\n'
    )


def bar(row: dict, top: int, most: float) -> str:
    middle = top + BAR / 2
    label = f'<text x="{LABELS - 8}" y="{middle + 4}" text-anchor="end">{escape(row["name"])}</text>'
    if "failed" in row:
        return label + f'<text x="{LABELS}" y="{middle + 4}">{escape(row["failed"][:60])}</text>'
    length = max(1.0, row["median"] / most * BARS)
    kind = "ours" if row["ours"] else "peer"
    shape = f'<rect class="{kind}" x="{LABELS}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>'
    least, longest = (LABELS + row[end] / most * BARS for end in ("min", "max"))
    spread = (
        f'<line class="spread" x1="{least:.1f}" x2="{longest:.1f}" y1="{middle}" y2="{middle}"/>'
        if row["runs"] > 1
        else ""
    )
    value = f'<text x="{max(LABELS + length, longest) + 6:.1f}" y="{middle + 4}">{number(row["median"])}</text>'
    return label + shape + spread + value
