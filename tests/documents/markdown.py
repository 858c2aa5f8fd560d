"""Reads the project's Markdown: links, anchors and code blocks."""

from __future__ import annotations

import pathlib
import re

from harness.paths import PROJECT

FENCE = re.compile(r"^ *```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL)
# Also the link around an image, whose text contains brackets.
LINK = re.compile(r"(?<!\\)\]\((?P<target>[^()\s]+(?:\([^()\s]*\))?)(?: \"[^\"]*\")?\)")
IMAGE = re.compile(r"!\[(?P<text>[^\]]*)\]\(")


def documents() -> list[pathlib.Path]:
    """Returns every Markdown file of the project, without those of installed tools."""
    patterns = (
        "*.md",
        ".github/**/*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "functions/**/*.md",
        "crates/**/*.md",
        "tests/*.md",
    )
    found = {path for pattern in patterns for path in PROJECT.glob(pattern)}
    return sorted(path for path in found if "node_modules" not in path.parts)


def blocks(text: str, language: str) -> list[str]:
    """Returns the code of every fenced block in `language`."""
    return [match["code"] for match in FENCE.finditer(text) if match["language"] == language]


def prose(text: str) -> str:
    """Returns the text without code."""
    return re.sub(r"`[^`\n]+`", "``", FENCE.sub("", text))


def links(text: str) -> list[str]:
    """Returns the targets of all links and images that lead into the project."""
    targets = [match["target"] for match in LINK.finditer(prose(text))]
    return [target for target in targets if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def anchors(text: str) -> set[str]:
    """Returns the anchors of all headings, as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        count = found.get(anchor, 0)
        found[anchor] = count + 1
        if count:
            found[f"{anchor}-{count}"] = 1
    return set(found)


def broken_links(document: pathlib.Path, text: str) -> list[str]:
    """Returns the links of a document that lead to no file, no folder or no heading of the project."""
    return [link for link in links(text) if not has_target(document, text, link)]


def has_target(document: pathlib.Path, text: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document

    if not target.is_relative_to(PROJECT) or not target.exists():
        return False
    if not anchor:
        return True
    return target.suffix == ".md" and anchor in anchors(
        text if target == document else target.read_text()
    )
