"""The dependencies between the packages of the workspace."""

import functools
import json
import pathlib
import re
import subprocess
import unittest

from harness.paths import PROJECT

# Crates without input and output, which are quick to build, test and audit.
PURE = ("limits", "addresses", "composition", "outcome", "policy", "routes", "sam-template", "strict-json", "sync-targets")
RUNTIMES = ("tokio", "hyper", "aws-config", "aws-sdk-dynamodb")


@functools.cache
def metadata() -> dict:
    command = ["cargo", "metadata", "--offline", "--locked", "--format-version", "1"]
    return json.loads(
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    )


def linked(graph: dict, package: str) -> set[str]:
    """Returns the names of the packages that a package links, without itself, tests and build
    scripts.
    """
    nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
    names = {found["id"]: found["name"] for found in graph["packages"]}
    waiting = [
        next(
            one
            for one, name in names.items()
            if name == package and one in graph["workspace_members"]
        )
    ]
    found: set[str] = set()
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            is_linked = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_linked and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return {names[one] for one in found}


def functions(graph: dict) -> list[str]:
    """Returns the packages that are deployed as Lambda functions."""
    deployed = (found for found in graph["packages"] if found["id"] in graph["workspace_members"])
    return [
        found["name"]
        for found in deployed
        if pathlib.Path(found["manifest_path"]).parents[1].name == "functions"
    ]


def packages_of_the_product(graph: dict) -> list[dict]:
    """Returns the packages below crates/ and functions/, without those for tests."""
    members = (found for found in graph["packages"] if found["id"] in graph["workspace_members"])
    return [found for found in members if room(found) in ("crates", "functions") and found["name"] != "testing"]


def room(package: dict) -> str:
    """Returns the name of the folder that contains the package's folder."""
    return pathlib.Path(package["manifest_path"]).parents[1].name


class Dependencies(unittest.TestCase):
    def test_no_function_depends_on_another_function(self):
        names = functions(metadata())
        self.assertEqual(
            sorted(names),
            sorted(path.name for path in (PROJECT / "functions").iterdir() if path.is_dir()),
        )
        for name in names:
            self.assertEqual(linked(metadata(), name) & set(names), set(), name)

    def test_pure_crates_link_neither_a_runtime_nor_an_sdk(self):
        for name in PURE:
            self.assertEqual(linked(metadata(), name) & set(RUNTIMES), set(), name)

    def test_architecture_lists_every_package_and_its_dependencies_lead_down(self):
        text = (PROJECT / "ARCHITECTURE.md").read_text()
        rows = re.search(r"```text\n(command line .*?)```", text, re.DOTALL)[1].splitlines()
        layers = {name: place for place, row in enumerate(rows) for name in row[16:].split()}
        members = {found["name"].removeprefix("tollgate-"): found for found in packages_of_the_product(metadata())}
        self.assertEqual(sorted(layers), sorted(members))

        for name, found in members.items():
            direct = {one["name"].removeprefix("tollgate-") for one in found["dependencies"] if one["kind"] is None}
            above = {other for other in direct & layers.keys() if layers[other] < layers[name]}
            self.assertEqual(above, set(), name)

    def test_only_the_limiter_enables_the_schema_feature(self):
        manifests = (
            found
            for found in metadata()["packages"]
            if found["id"] in metadata()["workspace_members"]
        )
        describing = {
            found["name"]
            for found in manifests
            for one in found["dependencies"]
            if "schema" in one["features"]
        }
        self.assertEqual(describing, {"limiter"})

    def test_indirect_dependencies_are_found(self):
        self.assertIn("policy", linked(metadata(), "tollgate"))
        self.assertIn("tokio", linked(metadata(), "tollgate"))
        self.assertIn("tinyvec", linked(metadata(), "routes"))
        self.assertNotIn("proptest", linked(metadata(), "routes"))


if __name__ == "__main__":
    unittest.main()
