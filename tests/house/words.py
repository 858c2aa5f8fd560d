"""Finds phrases that make the project's text hard to read.

Users read Markdown, the descriptions in YAML templates, and the string literals of the product's
Rust code. Developers also read doc comments, whose beginnings are counted. `accepted.txt` lists
places where a phrase is right, each with its reason.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterator

from harness.paths import PROJECT

ACCEPTED = pathlib.Path(__file__).with_name("accepted.txt")

UNITS = "second|minute|hour|day|week|month|year|request|call|decision|key|million|caller|plan|instance|run|item|name"
# Regular expressions by name. A space also matches a line break.
PHRASES = {
    "cannot be had": r"cannot be had",
    "is none": r"\b(?:is|are|was|were) none\b",
    "stands": r"\bstands?\b(?!-| (?:for|in for)\b)",
    "holds": r"\bholds?\b",
    "told": r"\btold\b",
    "nobody": r"\b(?:nobody|somebody|whoever|whatever)\b",
    "beside": r"\bbesides?\b",
    "mend": r"\bmend(?:s|ed|ing)?\b",
    "leave": r"\b(?:the|a|no|its|their|has|have) leave\b",
    "member": r"\bmembers?\b",
    "ends the start": r"\bends the start\b",
    "a unit": rf"\b(?:\d+|\d+ (?:reads|writes)|calls|requests|tokens|bytes|most|each) (?:a|an) (?:{UNITS})\b(?! record)",
}
SPACE = r"(?:\\?\s)+"
PATTERN = re.compile(
    "|".join(
        f"(?P<p{index}>{phrase.replace(' ', SPACE)})"
        for index, phrase in enumerate(PHRASES.values())
    ),
    re.IGNORECASE,
)
# A Rust string literal, raw or not. Comments are matched first, so that a quote in a comment does
# not begin a literal.
RUST_STRING = re.compile(
    r'//[^\n]*|r(#*)"(?P<raw>.*?)"\1|b?"(?P<text>(?:\\.|[^"\\])*)"|\'(?:\\.|[^\'\\])\'', re.DOTALL
)
INTERPOLATION = re.compile(r"\{[^{}]*\}")
# A description in one line, or a block of more deeply indented lines after `>` or `|`.
YAML_TEXT = re.compile(
    r"^(?P<indent> *)(?:- )?(?:Description|ConstraintDescription|AssertDescription|AlarmDescription|title): "
    r"(?:[>|][+-]?\n(?P<block>(?:(?P=indent) +[^\n]*\n|\s*\n)+)|(?P<text>[^\n]*))",
    re.MULTILINE,
)
DOC_COMMENT = re.compile(r"^ *//[/!] ?(?P<text>.*)$")
DOC_BEGINNING = re.compile(r"(?:What|Which|Whether|Why|Where|Of|By|So|As)\b")


@dataclasses.dataclass(frozen=True)
class Phrase:
    """One occurrence of a phrase, with the line that contains it."""

    file: str
    line: int
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: [{self.name}] {self.text.strip()}"


def product_code(text: str) -> str:
    """Returns the source without its test module."""
    return re.split(r"^#\[cfg\(test\)\]\s*^mod \w+ \{", text, maxsplit=1, flags=re.MULTILINE)[0]


def rust_files() -> list[pathlib.Path]:
    """Returns the sources of the product, without those of tests and of test helpers."""
    files = [*PROJECT.glob("crates/*/src/**/*.rs"), *PROJECT.glob("functions/*/src/**/*.rs")]
    return sorted(file for file in files if not is_test(file.relative_to(PROJECT)))


def is_test(path: pathlib.Path) -> bool:
    return (
        path.parts[1] == "testing" or "tests" in path.parts or path.stem in ("tests", "scenarios")
    )


def markdown_files() -> list[pathlib.Path]:
    patterns = (
        "*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "crates/*/README.md",
        "functions/*/README.md",
        "tests/*.md",
    )
    found = {file for pattern in patterns for file in PROJECT.glob(pattern)}
    return sorted(file for file in found if "node_modules" not in file.parts)


def yaml_files() -> list[pathlib.Path]:
    return sorted([PROJECT / "template.yaml", *PROJECT.glob("examples/*.yaml")])


def texts(suffix: str, content: str) -> Iterator[tuple[int, str]]:
    """Yields the user-facing texts of a file, each with its offset."""
    if suffix == ".md":
        yield 0, content
    elif suffix == ".rs":
        for match in RUST_STRING.finditer(product_code(content)):
            group = "raw" if match["raw"] is not None else "text"
            if match[group] is not None:
                # Names of variables are not text.
                yield (
                    match.start(group),
                    INTERPOLATION.sub(lambda name: "_" * len(name[0]), match[group]),
                )
    else:
        for match in YAML_TEXT.finditer(content):
            group = "block" if match["block"] is not None else "text"
            yield match.start(group), match[group]


def find_phrases(name: str, content: str) -> list[Phrase]:
    """Returns the phrases in a file's content."""
    lines = content.splitlines()
    names = list(PHRASES)
    found = []

    for offset, text in texts(pathlib.Path(name).suffix, content):
        for match in PATTERN.finditer(text):
            line = content.count("\n", 0, offset + match.start())
            phrase = names[int(match.lastgroup[1:])]
            found.append(Phrase(name, line + 1, phrase, lines[line]))
    return found


def accepted() -> set[tuple[str, str]]:
    """Returns pairs of a file and a piece of the accepted line. Format of a line: `file | piece |
    reason`.
    """
    rows = [
        line.split(" | ")
        for line in ACCEPTED.read_text().splitlines()
        if line and not line.startswith("#")
    ]
    return {(file, piece) for file, piece, _reason in rows}


def phrases() -> list[Phrase]:
    """Returns every phrase of the project that is not accepted."""
    exceptions = accepted()
    files = [*markdown_files(), *yaml_files(), *rust_files()]
    found = [
        phrase
        for file in files
        for phrase in find_phrases(str(file.relative_to(PROJECT)), file.read_text())
    ]
    return [
        it
        for it in found
        if not any(it.file == file and piece in it.text for file, piece in exceptions)
    ]


def unusual_doc_comments(code: str) -> tuple[list[str], int]:
    """Returns the doc comments that begin with a word such as "What", and the number of all doc
    comments.
    """
    unusual, count, is_inside = [], 0, False
    for line in code.splitlines():
        match = DOC_COMMENT.match(line)
        if match and not is_inside:
            count += 1
            unusual += [match["text"]] if DOC_BEGINNING.match(match["text"]) else []
        is_inside = match is not None
    return unusual, count
