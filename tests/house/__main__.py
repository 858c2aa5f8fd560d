"""Prints how easy the house is to read, in numbers: `python3 -m house` in the folder tests.

Only product code counts: the sources of crates/ and functions/ without their tests.
"""

import collections
import re
import sys

from house import words

LONG_FUNCTION = 10
COLUMNS = 100
FUNCTION = re.compile(r"^(?P<indent> *)(?:pub(?:\([^)]*\))? )?(?:const )?(?:async )?(?:unsafe )?fn \w+", re.MULTILINE)
TYPE = re.compile(r"^ *(?:pub(?:\([^)]*\))? )?(?:struct|enum|union|trait|type) (\w+)", re.MULTILINE)
IRREGULAR = {"Given", "Kept", "Made", "Told", "Known", "Found", "Seen", "Shown", "Taken", "Written", "Left", "Sent", "Due", "Spent"}
# Nouns that end as participles do.
NOUNS = {"Setting", "String", "Spelling", "Mapping", "Encoding", "Binding", "Ring", "Sampling", "Timing", "Embed", "Feed", "Seed"}


def last_word(name: str) -> str:
    return re.findall(r"[A-Z][a-z0-9]*", name)[-1] if re.search("[A-Z]", name) else name


def is_participle(name: str) -> bool:
    word = last_word(name)
    return word in IRREGULAR or (word not in NOUNS and re.search(r"(?:ed|ing)$", word) is not None)


def function_bodies(code: str):
    """Yields the lines of each function's body. rustfmt closes a function at the indentation of its `fn`."""
    lines = code.splitlines()
    for match in FUNCTION.finditer(code):
        first = code.count("\n", 0, match.start())
        closing = match["indent"] + "}"
        last = next((at for at in range(first, len(lines)) if lines[at] == closing), None)
        ends = next((at for at in range(first, len(lines)) if lines[at].endswith((";", "{", "{}", "}"))), first)
        if last is not None and lines[ends].endswith("{"):
            yield lines[first : last + 1]


def measure() -> dict[str, str]:
    functions = blank = lines = wide = 0
    participles = []
    for file in words.rust_files():
        code = words.product_code(file.read_text())
        rows = code.splitlines()
        lines += len(rows)
        wide += sum(len(row) > COLUMNS for row in rows)
        participles += [name for name in TYPE.findall(code) if is_participle(name)]
        for body in function_bodies(code):
            if len(body) >= LONG_FUNCTION:
                functions += 1
                blank += any(not row.strip() for row in body)

    found = words.phrases()
    return {
        "functions of ten or more lines with a blank line": f"{100 * blank / functions:.0f} % of {functions}",
        "lines over 100 columns": f"{100 * wide / lines:.1f} % of {lines}",
        "types named by a participle": f"{len(participles)}: {', '.join(sorted(participles))}",
        "give-away phrases in user-facing text": f"{len(found)}: {dict(collections.Counter(one.name for one in found))}",
    }


if __name__ == "__main__":
    for name, figure in measure().items():
        print(f"{name}: {figure}")
    if "--phrases" in sys.argv:
        print(*words.phrases(), sep="\n")
