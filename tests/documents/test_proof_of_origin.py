"""The functions of the guide about the proof of origin accept the secrets and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import unittest
from typing import Any

from harness.paths import PROJECT

GUIDE = PROJECT / "docs" / "guides" / "proof-of-origin.md"
CURRENT, PREVIOUS = "0123456789abcdef" * 4, "fedcba9876543210" * 4
ACCEPTED = [(CURRENT, [CURRENT]), (PREVIOUS, [CURRENT, PREVIOUS]), (CURRENT, [None, CURRENT])]
REFUSED: list[tuple[Any, list[str | None]]] = [
    (None, [CURRENT]),
    ("", [CURRENT]),
    ("-", [CURRENT]),
    (CURRENT[:-1], [CURRENT]),
    (CURRENT.upper(), [CURRENT]),
    (f"{CURRENT},{CURRENT}", [CURRENT]),
    (PREVIOUS, [CURRENT]),
    ("ä", [CURRENT]),
    # A secret that could not be read must not accept a missing header.
    (None, [None]),
    ("", [""]),
    (None, []),
]


def block(language: str) -> str:
    """Returns the code of the only block in a language."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    (code,) = blocks
    return code


class ProofOfOrigin(unittest.TestCase):
    def test_python_function_accepts_only_the_secrets(self) -> None:
        names: dict[str, Any] = {}
        exec(block("python"), names)
        for expected, cases in ((True, ACCEPTED), (False, REFUSED)):
            for header, secrets in cases:
                found = names["has_proof_of_origin"](header, secrets)
                self.assertIs(found, expected, f"{header!r} {secrets!r}")

    def test_node_function_accepts_only_the_secrets(self) -> None:
        cases = json.dumps([*ACCEPTED, *REFUSED])
        call = f"console.log(JSON.stringify({cases}.map((it) => hasProofOfOrigin(...it))));"
        run = subprocess.run(
            ["node", "--input-type=module", "--eval", block("js") + call],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        self.assertEqual(json.loads(run.stdout), [True] * len(ACCEPTED) + [False] * len(REFUSED))
