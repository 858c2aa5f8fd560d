"""The tests, targets, drills and log messages that the documents name exist."""

import ast
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness.paths import PROJECT
from soak import checks as soak

NAMED = re.compile(r"`([\w./-]+\.(?:rs|py))::(\w+)`")
# A case for several stores has no attribute of its own. A list in a file of the same test names it,
# and a macro makes a test of each store from the list.
RUST_TEST = r"#\[(?:tokio::)?test[^\n]*\n(?:\s*(?:#\[|///)[^\n]*\n)*\s*(?:async )?fn {name}\("


# The runbook, other documents, the drills and the soak test look for these texts in the log.
EXPECTED_MESSAGES = (
    "cannot fetch the issuer's signing keys",
    "introspection: the server refuses the client id or secret",
    "no response within",
    "the breaker is open",
    "this caller's item is used too often",
    "healthy targets stay until a resolved target is healthy",
    "CloudWatch refused data",
    "published an event",
    "an endpoint is unreachable",
    "administrative change",
    "clock_off_ms",
    soak.UNCACHED_KEY_ERROR,
)


def is_rust_test(file: pathlib.Path, name: str) -> bool:
    text = file.read_text()
    if re.search(RUST_TEST.format(name=name), text):
        return True

    lists = [text, *(other.read_text() for other in file.parent.glob("*.rs"))]
    in_a_list = re.compile(rf"^\s*(?:{file.stem}::)?{name}(?:,.*|\W*)$", re.MULTILINE)
    return any(map(in_a_list.search, lists)) and re.search(rf"async fn {name}\(", text) is not None


def is_defined(path: str, name: str) -> bool:
    file = PROJECT / path
    if not file.is_file():
        return False
    if path.endswith(".rs"):
        return is_rust_test(file, name)
    return any(
        isinstance(node, ast.FunctionDef) and node.name == name
        for node in ast.walk(ast.parse(file.read_text()))
    )


class Security(unittest.TestCase):
    def setUp(self):
        self.text = (PROJECT / "SECURITY.md").read_text()

    def test_every_named_test_exists(self):
        named = set(NAMED.findall(self.text))
        self.assertGreater(len(named), 80)
        self.assertEqual(
            [f"{path}::{name}" for path, name in sorted(named) if not is_defined(path, name)], []
        )

    def test_every_row_names_a_test(self):
        reachable = self.text.split("## What an attacker can reach")[1].split("\n## ")[0]
        rows = [
            line
            for line in reachable.splitlines()
            if re.match(r"\| (?!the attacker|who \|)[^-]", line)
        ]
        self.assertGreater(len(rows), 40)
        self.assertEqual([row for row in rows if not NAMED.search(row)], [])

    def test_the_tests_readme_names_tests_that_exist(self):
        named = set(NAMED.findall((PROJECT / "tests" / "README.md").read_text()))
        self.assertGreater(len(named), 30)
        self.assertEqual(
            [f"{path}::{name}" for path, name in sorted(named) if not is_defined(path, name)], []
        )

    def test_missing_names_are_found(self):
        self.assertFalse(is_defined("tests/gateway/attacks.rs", "nobody_tests_this"))
        self.assertFalse(is_defined("tests/gateway/nothing.rs", "trailers_are_not_passed_on"))
        self.assertFalse(is_defined("tests/gateway/attacks.rs", "with_backend"))


class DeploymentGuide(unittest.TestCase):
    def test_throttled_response_is_that_of_the_listener_rule(self):
        guide = (PROJECT / "docs/guides/deploy.md").read_text()
        (response,) = re.findall(r'^\{"type".*"status":429.*\}$', guide, re.MULTILINE)
        self.assertIn(response, (PROJECT / "template.yaml").read_text())


class Make(unittest.TestCase):
    def test_make_without_a_target_lists_every_target(self):
        output = subprocess.run(["make"], cwd=PROJECT, check=True, capture_output=True, text=True)
        listed = set(re.findall(r"^  make (\S+) +\S", output.stdout, re.MULTILINE))
        phony = re.search(r"^\.PHONY: (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
        self.assertEqual(set(phony[1].split()) - {"help"}, listed)


class Packaging(unittest.TestCase):
    def test_packaging_fails_if_the_lock_file_is_outdated(self):
        makefile = PROJECT / "Makefile"
        for target in ("package", "package-native"):
            self.assertRegex(makefile.read_text(), rf"(?m)^{target}: locked ")

        with tempfile.TemporaryDirectory() as folder:
            project = pathlib.Path(folder)
            (project / "src").mkdir()
            (project / "src" / "lib.rs").touch()
            manifest = project / "Cargo.toml"
            manifest.write_text(
                '[package]\nname = "packaged"\nversion = "0.1.0"\nedition = "2024"\n'
            )
            subprocess.run(
                ["cargo", "generate-lockfile", "--offline"],
                cwd=project,
                check=True,
                capture_output=True,
            )
            locked = ["make", "--file", str(makefile), "locked"]
            self.assertEqual(subprocess.run(locked, cwd=project, capture_output=True).returncode, 0)

            manifest.write_text(manifest.read_text().replace("0.1.0", "0.2.0"))
            outdated = subprocess.run(locked, cwd=project, capture_output=True, text=True)
            self.assertNotEqual(outdated.returncode, 0)
            self.assertIn("--locked", outdated.stderr)


class Drills(unittest.TestCase):
    def setUp(self):
        self.drills = sorted(
            path.stem for path in PROJECT.glob("tests/drills/*.py") if self.is_drill(path)
        )

    @staticmethod
    def is_drill(path: pathlib.Path) -> bool:
        return "drill.run(" in path.read_text()

    def test_every_drill_has_the_four_sections(self):
        for name in self.drills:
            header = (
                ast.get_docstring(ast.parse((PROJECT / f"tests/drills/{name}.py").read_text()))
                or ""
            )
            for part in ("Scenario:", "Expected:", "How to run it:", "What an operator does:"):
                self.assertIn(part, header, name)

    def test_documentation_and_make_drills_list_every_drill(self):
        text = (PROJECT / "docs/operations/drills.md").read_text()
        listed = re.findall(r"\]\(\.\./\.\./tests/drills/(\w+)\.py\)", text)
        self.assertEqual(sorted(listed), self.drills)
        tree = ast.parse((PROJECT / "tests/drills/__main__.py").read_text())
        names = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and node.targets[0].id == "DRILLS"
        ]
        self.assertEqual(sorted(names[0]), self.drills)

    def test_expected_log_messages_exist_in_the_sources(self):
        sources = "".join(path.read_text() for path in PROJECT.glob("*/*/src/**/*.rs"))
        self.assertEqual([message for message in EXPECTED_MESSAGES if message not in sources], [])


if __name__ == "__main__":
    unittest.main()
