"""Tests of the comparison. `make findings` runs checkov itself."""

import unittest

from findings.accepted import Finding, differences, read
from harness.paths import PROJECT

ROW = (
    "| `CKV_AWS_1` | `template.yaml`: `A`, `B`; `examples/network.yaml`: `C` | There is a reason. |"
)
FINDINGS = {
    Finding("CKV_AWS_1", "template.yaml", "A"),
    Finding("CKV_AWS_1", "template.yaml", "B"),
    Finding("CKV_AWS_1", "examples/network.yaml", "C"),
}


class Accepted(unittest.TestCase):
    def test_rows_are_read(self):
        head = "# Findings\n\n| check | resources | reason |\n|---|---|---|"
        self.assertEqual(read(f"{head}\n{ROW}\n| `other` | `x` | y |\n"), FINDINGS)

    def test_incomplete_and_repeated_rows_are_errors(self):
        for text, error in (
            ("| `CKV_AWS_1` | | There is a reason. |", "needs a template"),
            ("| `CKV_AWS_1` | `template.yaml` | There is a reason. |", "needs a template"),
            ("| `CKV_AWS_1` | `A` | There is a reason. |", "`A` follows no template"),
            ("| `CKV_AWS_1` | `template.yaml`: `A` | |", "needs a template"),
            (f"{ROW}\n{ROW}", "CKV_AWS_1 | `examples/network.yaml`: `C` is accepted twice"),
        ):
            with self.assertRaisesRegex(ValueError, error.replace("|", r"\|")):
                read(text)

    def test_new_and_obsolete_findings_are_differences(self):
        new = Finding("CKV_AWS_2", "template.yaml", "A")
        obsolete = Finding("CKV_AWS_1", "template.yaml", "B")
        self.assertEqual(
            differences(FINDINGS - {obsolete} | {new}, FINDINGS),
            [
                "new: CKV_AWS_2 | `template.yaml`: `A`",
                "no longer occurs: CKV_AWS_1 | `template.yaml`: `B`",
            ],
        )
        self.assertEqual(differences(FINDINGS, FINDINGS), [])

    def test_named_templates_exist(self):
        accepted = read((PROJECT / "docs/operations/findings.md").read_text())
        self.assertGreater(len(accepted), 10)
        missing = {it.template for it in accepted if not (PROJECT / it.template).exists()}
        self.assertEqual(missing, set())


if __name__ == "__main__":
    unittest.main()
