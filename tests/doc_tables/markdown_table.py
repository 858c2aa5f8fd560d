"""Formats tables in Markdown."""


def table(head: list[str], rows: list[list[str]], right: int = 0) -> str:
    """Returns a table. The last `right` columns are aligned to the right."""
    left = len(head) - right
    lines = [head, ["---"] * left + ["---:"] * right, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
