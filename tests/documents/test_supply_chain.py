"""Installed packages are pinned and checked by hash, and distributed code comes with its licences."""

import json
import pathlib
import re
import tempfile
import unittest
from unittest import mock

from harness.paths import PROJECT
from tools import notices

REQUIREMENTS = sorted(
    path
    for path in PROJECT.glob("tests/**/*requirements.txt")
    if not {"node_modules", ".venv"} & set(path.parts)
)
PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*])?==([^\s;]+)")


def requirements(text: str) -> list[str]:
    """Returns the requirements in a file, each with its continuation lines."""
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    return re.split(r"(?<!\\)\n", "\n".join(lines))


def unpinned(text: str) -> list[str]:
    """Returns the requirements without an exact version or without a hash."""
    return [
        one for one in requirements(text) if not PINNED.match(one) or "--hash=sha256:" not in one
    ]


def pins(text: str) -> dict[str, str]:
    found = (PINNED.match(one) for one in requirements(text))
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


class PythonTools(unittest.TestCase):
    def test_every_requirement_has_a_version_and_a_hash(self):
        self.assertEqual(len(REQUIREMENTS), 5)
        for path in REQUIREMENTS:
            self.assertEqual(unpinned(path.read_text()), [], path)

    def test_unpinned_requirements_are_found(self):
        good = "a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01"
        self.assertEqual(unpinned(f"# a note\n{good}\nb==2"), ["b==2"])
        self.assertEqual(
            unpinned(f"c>=1 \\\n    --hash=sha256:00\n{good}"), ["c>=1 \\\n    --hash=sha256:00"]
        )

    def test_installed_versions_are_the_chosen_ones(self):
        for path in REQUIREMENTS:
            chosen, installed = pins(path.with_suffix(".in").read_text()), pins(path.read_text())
            self.assertGreater(len(chosen), 0, path)
            self.assertEqual({name: installed.get(name) for name in chosen}, chosen, path)

    def test_each_installation_checks_hashes(self):
        installations = re.findall(
            r"^.*\bpip install\b.*$", (PROJECT / "Makefile").read_text(), re.MULTILINE
        )
        self.assertGreater(len(installations), 2)
        # Without --only-binary, the build of a package could download tools whose hashes are not
        # checked.
        for option in ("--require-hashes", "--no-deps", "--only-binary :all:"):
            self.assertEqual([line for line in installations if option not in line], [], option)


class NodeTools(unittest.TestCase):
    def test_every_package_has_its_hash_and_no_address_of_its_own(self):
        locks = [
            PROJECT / "tests/package-lock.json",
            PROJECT / "tests/bench/node/package-lock.json",
            PROJECT / "tests/bench/bff/package-lock.json",
            PROJECT / "examples/cdk/package-lock.json",
        ]
        for lock in locks:
            # A bundled package is part of the archive of another, whose hash includes it.
            packages = {
                name: one
                for name, one in json.loads(lock.read_text())["packages"].items()
                if name and not one.get("inBundle")
            }
            self.assertGreater(len(packages), 2)
            self.assertEqual(
                [name for name, one in packages.items() if not one.get("integrity")], [], lock
            )
            elsewhere = [
                name for name, one in packages.items() if not own_registry(one.get("resolved"))
            ]
            self.assertEqual(elsewhere, [], lock)

    def test_each_installation_follows_the_lock_file_and_runs_no_scripts(self):
        makefile = (PROJECT / "Makefile").read_text()
        installations = re.findall(r"^\tnpm (?:ci|i|install)\b.*$", makefile, re.MULTILINE)
        self.assertGreater(len(installations), 1)
        for line in installations:
            self.assertRegex(line, r"\tnpm ci .*--ignore-scripts")


def own_registry(resolved: str | None) -> bool:
    return resolved is None or resolved.startswith("https://registry.npmjs.org/")


class Notices(unittest.TestCase):
    def test_every_crate_of_a_function_is_named_with_the_text_of_its_licence(self):
        functions = ("alb-sync", "authorizer", "composer", "limiter", "metrics-publisher")
        for package in (*functions, "tollgate"):
            document = notices.notices(package)
            crates = notices.crates(package)
            self.assertGreater(len(crates), 100, package)
            for crate in crates:
                title = f"{crate['name']} {crate['version']}"
                self.assertRegex(document, rf"(?m)^{re.escape(title)} \(")
                self.assertRegex(
                    document, rf"(?m)^(?:[^:\n]*, )?{re.escape(title)}(?:, [^:\n]*)?:$"
                )

    def test_crates_of_tests_are_not_listed(self):
        names = {crate["name"] for crate in notices.crates("alb-sync")}
        self.assertIn("hickory-resolver", names)
        self.assertNotIn("proptest", names)
        self.assertNotIn("telemetry", names)

    def test_libraries_of_the_console_are_named_with_the_text_of_their_licence(self):
        packages = json.loads((PROJECT / "tests/package-lock.json").read_text())["packages"]
        document = notices.notices("tollgate")
        names = [library.name for library in notices.libraries("tollgate")]
        self.assertEqual(names, ["htm", "preact", "uplot"])
        for name in names:
            title = f"{name} {packages[f'node_modules/{name}']['version']}"
            self.assertRegex(document, rf"(?m)^{re.escape(title)} \(.*, in the web console$")
            self.assertRegex(document, rf"(?m)^(?:[^:\n]*, )?{re.escape(title)}(?:, [^:\n]*)?:$")
        self.assertIn("Leon Sorokin", document)
        self.assertEqual(notices.libraries("limiter"), [])

    def test_crate_without_a_known_licence_is_an_error(self):
        crate = {"name": "odd", "version": "1.0.0", "license": "LicenseRef-odd", "authors": []}
        with self.assertRaisesRegex(
            SystemExit, r"odd 1\.0\.0 \(LicenseRef-odd\) has no licence file"
        ):
            notices.text_of_declared_licence(crate)

    def test_text_of_two_crates_is_written_once(self):
        with tempfile.TemporaryDirectory() as folder:
            found = []
            for name, text in (
                ("one", "Do  what\nyou like."),
                ("two", "Do what you like.\n"),
                ("three", "Other."),
            ):
                root = pathlib.Path(folder, name)
                root.mkdir()
                (root / "LICENSE-MIT").write_text(text)
                (root / "license.rs").write_text("fn main() {}")
                manifest = {
                    "manifest_path": str(root / "Cargo.toml"),
                    "license_file": None,
                    "repository": None,
                }
                found.append(
                    {"name": name, "version": "1.0.0", "license": "MIT", "authors": [], **manifest}
                )
            with (
                mock.patch.object(notices, "crates", return_value=found),
                mock.patch.object(notices, "libraries", return_value=[]),
            ):
                document = notices.notices("all")
        self.assertIn("one 1.0.0, two 1.0.0:\n\nDo  what\nyou like.\n", document)
        self.assertIn("three 1.0.0:\n\nOther.\n", document)
        self.assertNotIn("fn main", document)

    def test_package_is_derived_from_the_logical_id(self):
        self.assertEqual(notices.package_of("AlbSyncFunction"), "alb-sync")
        self.assertEqual(notices.package_of("MetricsPublisherFunction"), "metrics-publisher")

    def test_packages_are_made_with_their_notices(self):
        makefile = (PROJECT / "Makefile").read_text()
        builds = re.findall(r"sam build .*(?:\n\t\t.*)*\n((?:\t.*\n)+)", makefile)
        self.assertEqual(len(builds), 2)
        self.assertEqual([build for build in builds if "tools.notices" not in build], [])


if __name__ == "__main__":
    unittest.main()
