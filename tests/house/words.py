"""Finds phrases that make the project's text hard to read, in everything that users read.

Users read Markdown, the descriptions and texts of YAML templates, and the string literals of the product's Rust code.
`accepted.txt` lists the places where a phrase is right, each with its reason.
"""

import dataclasses
import pathlib
import re

PROJECT = pathlib.Path(__file__).resolve().parents[2]
ACCEPTED = pathlib.Path(__file__).with_name("accepted.txt")

UNITS = "second|minute|hour|day|week|month|year|request|call|decision|key|million|caller|plan|instance|run|item|name"
PHRASES = {
    "cannot be had": r"cannot be had",
    "is none": r"\b(?:is|are|was|were) none\b",
    "stands": r"\bstands?\b(?! (?:for|in for)\b)",
    "holds": r"\bholds?\b",
    "told": r"\btold\b",
    "nobody": r"\b(?:nobody|somebody|whoever|whatever)\b",
    "beside": r"\bbesides?\b",
    "mend": r"\bmend(?:s|ed|ing)?\b",
    "leave": r"\b(?:the|a|no|its|their|has|have) leave\b",
    "member": r"\bmembers?\b",
    "a unit": rf"\b(?:\d+|once|twice|times|calls|requests|writes|reads|tokens|bytes|most|each) (?:a|an) (?:{UNITS})\b",
}
PATTERN = re.compile("|".join(f"(?P<p{place}>{phrase})" for place, phrase in enumerate(PHRASES.values())), re.IGNORECASE)
# A Rust string literal, raw or not. A comment is matched first so that a quote inside it starts nothing.
RUST = re.compile(r'//[^\n]*|r(#*)"(?P<raw>.*?)"\1|b?"(?P<text>(?:\\.|[^"\\])*)"|\'(?:\\.|[^\'\\])\'', re.DOTALL)
YAML_TEXT = re.compile(r"^\s*(?:- )?(?:Description|ConstraintDescription|AssertDescription|AlarmDescription|title): (?P<text>.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Phrase:
    """One occurrence: the phrase's name, and the line that contains it."""

    file: str
    line: int
    name: str
    text: str

    def __str__(self):
        return f"{self.file}:{self.line}: [{self.name}] {self.text.strip()}"


def product_code(text: str) -> str:
    """Returns the source without its test module."""
    return re.split(r"^#\[cfg\(test\)\]\s*^mod \w+ \{", text, maxsplit=1, flags=re.MULTILINE)[0]


def rust_files() -> list[pathlib.Path]:
    files = [*PROJECT.glob("crates/*/src/**/*.rs"), *PROJECT.glob("functions/*/src/**/*.rs")]
    return sorted(file for file in files if file.stem not in ("tests", "scenarios") and "tests" not in file.parts[len(PROJECT.parts):])


def markdown_files() -> list[pathlib.Path]:
    return sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("examples/**/*.md")])


def yaml_files() -> list[pathlib.Path]:
    return sorted([PROJECT / "template.yaml", *PROJECT.glob("examples/*.yaml"), *PROJECT.glob("stacks/*.yaml")])


def texts(file: pathlib.Path):
    """Yields what users read in a file, as pairs of an offset and a text."""
    content = file.read_text()
    if file.suffix == ".md":
        yield 0, content
    elif file.suffix == ".rs":
        for match in RUST.finditer(product_code(content)):
            group = "raw" if match["raw"] is not None else "text"
            if match[group] is not None:
                yield match.start(group), match[group]
    else:
        for match in YAML_TEXT.finditer(content):
            yield match.start("text"), match["text"]


def phrases_of(file: pathlib.Path) -> list[Phrase]:
    content = file.read_text()
    lines = content.splitlines()
    names = list(PHRASES)
    found = []

    for offset, text in texts(file):
        for match in PATTERN.finditer(text):
            line = content.count("\n", 0, offset + match.start())
            name = names[int(match.lastgroup[1:])]
            found.append(Phrase(str(file.relative_to(PROJECT)), line + 1, name, lines[line]))
    return found


def accepted() -> set[tuple[str, str]]:
    """Returns pairs of a file and a piece of the accepted line. Format of a line: `file | piece | reason`."""
    rows = [line.split(" | ") for line in ACCEPTED.read_text().splitlines() if line and not line.startswith("#")]
    return {(file, piece) for file, piece, _reason in rows}


def phrases() -> list[Phrase]:
    """Returns every occurrence that is not accepted."""
    contexts = accepted()
    found = [phrase for file in [*markdown_files(), *yaml_files(), *rust_files()] for phrase in phrases_of(file)]
    return [one for one in found if not any(one.file == file and piece in one.text for file, piece in contexts)]
