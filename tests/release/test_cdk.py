"""The CDK example synthesizes the stack of a release, and changes only the places of its files."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness.paths import PROJECT
from release import fake_release, layout
from release import ARM64, X86_64, Architecture

APP = PROJECT / "examples" / "cdk" / "app.mjs"
OWN_API = APP.with_name("own-api.mjs")
# CDK adds a check that the account has its bucket for assets.
ADDED = {"BootstrapVersion", "CheckBootstrapVersion"}


def synthesize(
    context: dict[str, str], output: pathlib.Path, app: pathlib.Path = APP
) -> subprocess.CompletedProcess:
    """Runs an app as `cdk synth` does."""
    environment = os.environ | {
        "CDK_OUTDIR": str(output),
        "CDK_CONTEXT_JSON": json.dumps(context),
    }
    return subprocess.run(["node", str(app)], env=environment, capture_output=True, text=True)


class OwnApi(unittest.TestCase):
    def routes(self, context: dict[str, str]) -> list[dict]:
        """Returns the routes of the API in the synthesized template."""
        output = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        result = synthesize(context, output, OWN_API)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        resources = json.loads((output / "orders.template.json").read_text())["Resources"]
        found = [it for it in resources.values() if it["Type"] == "AWS::ApiGatewayV2::Route"]
        return [it["Properties"] for it in found]

    def test_api_without_an_authorizer_has_no_routes(self):
        self.assertEqual(self.routes({}), [])

    def test_route_uses_the_authorizer(self):
        (route,) = self.routes({"authorizer": "abc123"})
        self.assertEqual(route["RouteKey"], "ANY /orders/{proxy+}")
        self.assertEqual((route["AuthorizationType"], route["AuthorizerId"]), ("CUSTOM", "abc123"))


class Cdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.release = fake_release.shared()

    def synthesized(self, architecture: Architecture) -> tuple[dict, dict, dict]:
        """Returns the template of the release, the one of CDK, and the assets by their hash."""
        output = self.folder / f"cdk-{architecture.name}"
        context = {"release": str(self.release), "architecture": architecture.name}
        result = synthesize(context, output)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        released = json.loads((self.release / layout.template_name(architecture)).read_text())
        included = json.loads((output / "tollgate.template.json").read_text())
        return (
            released,
            included,
            json.loads((output / "tollgate.assets.json").read_text())["files"],
        )

    def test_only_the_places_of_files_change(self):
        for architecture in (ARM64, X86_64):
            released, included, _ = self.synthesized(architecture)
            for section in released.keys() | included.keys():
                left, right = (body.get(section, {}) for body in (released, included))
                if isinstance(right, dict):
                    right = {name: one for name, one in right.items() if name not in ADDED}
                if section == "Resources":
                    left, right = without_places(left), without_places(right)
                self.assertEqual(left, right, section)

    def test_each_function_has_its_archive_as_an_asset(self):
        released, included, assets = self.synthesized(ARM64)
        for name, resource in included["Resources"].items():
            if resource["Type"] != "AWS::Lambda::Function":
                continue
            key = resource["Properties"]["Code"]["S3Key"]
            source = assets[key.removesuffix(".zip")]["source"]["path"]
            packed = (self.folder / "cdk-arm64" / source).read_bytes()
            path = released["Resources"][name]["Properties"]["Code"]
            self.assertEqual(packed, (self.release / path).read_bytes(), name)

    def test_missing_release_is_an_error(self):
        for context, message in (
            ({}, "the context value `release` is missing"),
            ({"release": "none"}, r"none/template\.json does not exist"),
        ):
            result = synthesize(context, self.folder / "cdk-none")
            self.assertEqual(result.returncode, 1)
            self.assertTrue(re.search(message, result.stderr), result.stderr)


def without_places(resources: dict) -> dict:
    """Returns the resources without the places of their files, and with lists of dependencies."""
    plain = json.loads(json.dumps(resources))
    for resource in plain.values():
        if resource["Type"] == "AWS::Lambda::Function":
            del resource["Properties"]["Code"]
        if resource["Type"] == "AWS::CloudFormation::Stack":
            del resource["Properties"]["TemplateURL"]
        depends = resource.get("DependsOn", [])
        resource["DependsOn"] = sorted([depends] if isinstance(depends, str) else depends)
    return plain


if __name__ == "__main__":
    unittest.main()
