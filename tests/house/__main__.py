"""Prints how easy the source code is to read, in numbers: `PYTHONPATH=tests python3 -m house`.

Only product code counts: the sources in crates/ and functions/ without their tests. `--phrases`
also prints every phrase that makes user-facing text hard to read, and `--doc-comments` every doc
comment with an unusual beginning.
"""

import collections
import re
import sys
from collections.abc import Iterator

from house import words

MIN_FUNCTION_LINES = 10
MAX_COLUMNS = 100
FUNCTION = re.compile(
    r"^(?P<indent> *)(?:pub(?:\([^)]*\))? )?(?:const )?(?:async )?(?:unsafe )?fn \w+", re.MULTILINE
)
TYPE = re.compile(r"^ *(?:pub(?:\([^)]*\))? )?(?:struct|enum|union|trait|type) (\w+)", re.MULTILINE)
IRREGULAR_PARTICIPLES = set(
    "Given Kept Made Told Known Found Seen Shown Taken Written Left Sent Due Spent".split()
)
# Nouns that end like a participle.
NOUNS = set(
    "Setting String Spelling Mapping Encoding Binding Ring Sampling Timing Embed Feed Seed".split()
)


def last_word(name: str) -> str:
    return re.findall(r"[A-Z][a-z0-9]*", name)[-1] if re.search("[A-Z]", name) else name


def is_participle(name: str) -> bool:
    word = last_word(name)
    return word in IRREGULAR_PARTICIPLES or (
        word not in NOUNS and re.search(r"(?:ed|ing)$", word) is not None
    )


def function_bodies(code: str) -> Iterator[list[str]]:
    """Yields the lines of each function. rustfmt puts the closing brace at the indentation of `fn`."""
    lines = code.splitlines()
    for match in FUNCTION.finditer(code):
        first = code.count("\n", 0, match.start())
        closing = match["indent"] + "}"
        last = next((at for at in range(first, len(lines)) if lines[at] == closing), None)
        end_of_signature = next(
            (at for at in range(first, len(lines)) if lines[at].endswith((";", "{", "{}", "}"))),
            first,
        )
        if last is not None and lines[end_of_signature].endswith("{"):
            yield lines[first : last + 1]


def measure() -> dict[str, str]:
    """Returns the figures by name."""
    functions = with_blank_line = lines = wide = doc_comments = 0
    participles, unusual = [], []
    for file in words.rust_files():
        code = words.product_code(file.read_text())
        rows = code.splitlines()
        lines += len(rows)
        wide += sum(len(row) > MAX_COLUMNS for row in rows)
        participles += [name for name in TYPE.findall(code) if is_participle(name)]

        comments, count = words.unusual_doc_comments(code)
        unusual += comments
        doc_comments += count

        for body in function_bodies(code):
            if len(body) >= MIN_FUNCTION_LINES:
                functions += 1
                with_blank_line += any(not row.strip() for row in body)

    phrases = words.phrases()
    by_name = dict(collections.Counter(phrase.name for phrase in phrases))
    return {
        "functions of ten or more lines with a blank line": f"{100 * with_blank_line / functions:.0f} % of {functions}",
        "lines over 100 columns": f"{100 * wide / lines:.1f} % of {lines}",
        "types named by a participle": f"{len(participles)}: {', '.join(sorted(participles))}",
        "doc comments that begin with What, Which, Whether, Why, Where, Of, By, So or As": (
            f"{len(unusual)} of {doc_comments}"
        ),
        "hard phrases in user-facing text": f"{len(phrases)}: {by_name}",
    }


def main() -> None:
    for name, figure in measure().items():
        print(f"{name}: {figure}")

    if "--phrases" in sys.argv:
        print(*words.phrases(), sep="\n")
    if "--doc-comments" in sys.argv:
        for file in words.rust_files():
            comments, _ = words.unusual_doc_comments(words.product_code(file.read_text()))
            print(
                *(f"{file.relative_to(words.PROJECT)}: {comment}" for comment in comments), sep="\n"
            )


if __name__ == "__main__":
    main()
