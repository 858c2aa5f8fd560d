"""A release depends only on its sources, and its templates need nothing else."""

import json
import pathlib
import re
import subprocess
import tarfile
import tempfile
import unittest
import zipfile

from harness.paths import PROJECT, TOOLS
from release import ARCHITECTURES, ARM64, X86_64, archives, layout, sbom, template
from release.fake_release import SECONDS, build, shared, write_inputs
from release.notes import notes
from release.version import version
from template.templates import Template
from tools import notices

SOURCE = Template.read("template.yaml")
FUNCTIONS = layout.functions(SOURCE)
HASHES = {
    template.archive_path(package, architecture): archives.sha256(package.encode())
    for package in FUNCTIONS
    for architecture in ARCHITECTURES
}


def released(architecture=ARM64, hashes=HASHES) -> dict:
    return template.released(SOURCE, "1.2.3", architecture, hashes)


class Builds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.release = shared()
        cls.output = cls.release.parent
        # Another place, other permissions and another order of sets.
        inputs = write_inputs(cls.folder / "inputs", 0o700)
        cls.printed = build(inputs, cls.folder / "output", "2", 0o077)

    def test_two_builds_are_equal_byte_for_byte(self):
        contents = [
            {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in archives.files(folder)
            }
            for folder in (self.output, self.folder / "output")
        ]
        self.assertGreater(len(contents[0]), 20)
        self.assertEqual(contents[0].keys(), contents[1].keys())
        self.assertEqual(
            [name for name in contents[0] if contents[0][name] != contents[1][name]], []
        )
        self.assertEqual(self.printed, (self.output / layout.CHECKSUMS).read_text())

    def test_checksums_cover_every_file(self):
        for folder in (self.release, self.output):
            listed = (folder / layout.CHECKSUMS).read_text().splitlines()
            for line in listed:
                digest, name = line.split("  ")
                self.assertEqual(archives.sha256((folder / name).read_bytes()), digest, name)
        files = {path.relative_to(self.release).as_posix() for path in archives.files(self.release)}
        names = {
            line.split("  ")[1]
            for line in (self.release / layout.CHECKSUMS).read_text().splitlines()
        }
        self.assertEqual(files - names, {layout.CHECKSUMS})

    def test_archives_contain_the_program_and_the_notices(self):
        for architecture in ARCHITECTURES:
            for package in FUNCTIONS:
                path = self.release / template.archive_path(package, architecture)
                with zipfile.ZipFile(path) as archive:
                    entries = {entry.filename: entry for entry in archive.infolist()}
                    self.assertEqual(list(entries), ["THIRD-PARTY-NOTICES", "bootstrap"])
                    content = archive.read("bootstrap").decode()
                self.assertEqual(content, f"{package} for {architecture.name}")
                self.assertEqual(entries["bootstrap"].external_attr >> 16, 0o100755)

    def test_each_program_has_its_archive(self):
        for architecture in ARCHITECTURES:
            name = f"tollgate-{version()}-{architecture.target}"
            with tarfile.open(self.output / f"{name}.tar.gz") as archive:
                program = archive.getmember(f"{name}/tollgate")
                self.assertEqual((program.mode, program.mtime), (0o755, int(SECONDS)))
                self.assertIn(f"{name}/template.yaml", archive.getnames())

    def test_the_folder_is_packed_completely(self):
        with tarfile.open(self.output / f"{self.release.name}.tar.gz") as archive:
            packed = archive.getnames()
        files = [path.relative_to(self.output).as_posix() for path in archives.files(self.release)]
        self.assertEqual(packed, files)

    def test_each_local_path_in_a_template_is_a_file_of_the_release(self):
        for architecture in ARCHITECTURES:
            body = json.loads((self.release / layout.template_name(architecture)).read_text())
            paths = [body["Metadata"]["AWS::ServerlessRepo::Application"]["LicenseUrl"]]
            for resource in body["Resources"].values():
                if resource["Type"] == "AWS::Lambda::Function":
                    paths.append(resource["Properties"]["Code"])
                if resource["Type"] == "AWS::CloudFormation::Stack":
                    paths.append(resource["Properties"]["TemplateURL"])
            self.assertGreater(len(paths), len(FUNCTIONS))
            self.assertEqual([path for path in paths if not (self.release / path).is_file()], [])

    def test_templates_pass_cfn_lint(self):
        path = self.release / layout.template_name(ARM64)
        # W3002 reports the paths of archives, which `aws cloudformation package` replaces. W3011
        # is about the UpdateReplacePolicy that the transform copies to the alias. The option
        # replaces the checks that the template ignores.
        accepted = SOURCE.body["Metadata"]["cfn-lint"]["config"]["ignore_checks"]
        ignored = ["W3002", "W3011", *accepted]
        command = [str(TOOLS / "cfn-lint"), "--ignore-checks", *ignored, "--", str(path)]
        result = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_missing_program_is_an_error(self):
        with self.assertRaisesRegex(FileNotFoundError, "expected the compiled function authorizer"):
            layout.function_archive(
                self.folder / "none", self.folder / "none" / "bootstrap", "authorizer", 1
            )


class ReleasedTemplate(unittest.TestCase):
    def test_it_has_no_transform_and_no_resources_of_sam(self):
        body = released()
        self.assertNotIn("Transform", body)
        self.assertNotIn("Globals", body)
        for name, resource in body["Resources"].items():
            self.assertFalse(resource["Type"].startswith("AWS::Serverless::"), name)
            self.assertFalse(set(template.BUILD_METADATA) & set(resource.get("Metadata", {})), name)

    def test_only_gradual_deployment_changes_the_expansion(self):
        first = template.expansion(SOURCE, "false")
        for name in SOURCE.transform_parameters:
            if name == template.SWITCH:
                continue
            allowed = SOURCE.parameters[name].get("AllowedValues", ["changed", "7"])
            for value in allowed:
                values = {
                    other: parameter.get("Default", "none")
                    for other, parameter in SOURCE.parameters.items()
                }
                changed = SOURCE.expanded(values | {template.SWITCH: "false", name: value})
                self.assertEqual(json.loads(json.dumps(changed)), first, name)

    def test_gradual_deployment_is_a_condition(self):
        body = released()
        condition = {"Fn::Equals": [{"Ref": template.SWITCH}, "true"]}
        self.assertEqual(body["Conditions"][template.CONDITION], condition)

        groups = {
            name: resource
            for name, resource in body["Resources"].items()
            if resource["Type"].startswith("AWS::CodeDeploy::")
        }
        self.assertEqual(len(groups), 2)
        for name, resource in groups.items():
            self.assertEqual(resource["Condition"], template.CONDITION, name)
            self.assertNotIn("Fn::If", json.dumps(resource))

        aliases = [one for one in body["Resources"].values() if one["Type"] == "AWS::Lambda::Alias"]
        choice = aliases[0]["UpdatePolicy"]["Fn::If"]
        self.assertEqual((choice[0], choice[2]), (template.CONDITION, {"Ref": "AWS::NoValue"}))
        self.assertIn("CodeDeployLambdaAliasUpdate", choice[1])

    def test_other_differences_are_refused(self):
        plain = {"Type": "A", "Properties": {}}
        off = {"Resources": {"One": plain}}
        changed = {"Resources": {"One": {"Type": "A", "Properties": {"Name": "two"}}}}
        conditional = {"Resources": {"One": plain, "Two": {"Type": "B", "Condition": "Other"}}}
        outputs = {**off, "Outputs": {}}
        for on, message in (
            (changed, "changes One"),
            (conditional, "Two has the condition Other"),
            ({"Resources": {}}, "removes"),
            (outputs, "sections other than Resources"),
        ):
            with self.assertRaisesRegex(template.Unmergeable, message):
                template.merged(off, on)

    def test_new_code_publishes_a_new_version(self):
        def versions(body: dict) -> list[str]:
            resources = body["Resources"].items()
            return [name for name, one in resources if one["Type"] == "AWS::Lambda::Version"]

        path = template.archive_path("authorizer", ARM64)
        other = released(hashes=HASHES | {path: archives.sha256(b"other")})
        self.assertEqual(len(versions(other)), 1)
        self.assertNotEqual(versions(released()), versions(other))
        path = template.archive_path("limiter", ARM64)
        same = released(hashes=HASHES | {path: archives.sha256(b"other")})
        self.assertEqual(versions(released()), versions(same))

    def test_the_architecture_is_the_one_of_the_archives(self):
        for architecture in (ARM64, X86_64):
            body = released(architecture)
            parameter = body["Parameters"]["Architecture"]
            self.assertEqual(parameter["AllowedValues"], [architecture.name])
            self.assertEqual(parameter["Default"], architecture.name)
            functions = [
                one for one in body["Resources"].values() if one["Type"] == "AWS::Lambda::Function"
            ]
            self.assertEqual(
                {one["Properties"]["Code"].split("/")[1] for one in functions}, {architecture.name}
            )

    def test_the_output_names_the_version_of_the_workspace(self):
        self.assertEqual(released()["Mappings"]["Release"]["Tollgate"]["Version"], version())

    def test_every_other_parameter_is_unchanged(self):
        expected = {name: one for name, one in SOURCE.parameters.items() if name != "Architecture"}
        found = released()["Parameters"]
        del found["Architecture"]
        self.assertEqual(found, expected)


class Sboms(unittest.TestCase):
    def test_paths_of_the_machine_are_replaced(self):
        with tempfile.TemporaryDirectory() as folder:
            project = pathlib.Path(folder)
            written = project / "functions" / "limiter" / f"limiter{sbom.SUFFIX}"
            written.parent.mkdir(parents=True)
            written.write_text(f'{{"bom-ref": "path+file://{project}/functions/limiter#1.0.0"}}')
            sbom.collect(project, ["limiter"], project / "sboms")
            text = (project / "sboms" / f"limiter{sbom.SUFFIX}").read_text()
            self.assertEqual(text, '{"bom-ref": "path+file://./functions/limiter#1.0.0"}')
            with self.assertRaisesRegex(SystemExit, "no list for authorizer"):
                sbom.collect(project, ["authorizer"], project / "sboms")

    def test_libraries_of_the_console_are_listed_with_the_crates(self):
        libraries = notices.libraries("tollgate")
        found = json.loads(sbom.with_libraries('{"components": [{"name": "hyper"}]}', libraries))
        purls = [one["purl"].split("@")[0] for one in found["components"][1:]]
        self.assertEqual(purls, ["pkg:npm/htm", "pkg:npm/preact", "pkg:npm/uplot"])
        self.assertEqual(found["components"][0], {"name": "hyper"})


class Notes(unittest.TestCase):
    def test_the_changelog_has_a_section_for_the_version(self):
        changelog = (PROJECT / "CHANGELOG.md").read_text()
        self.assertIn("### Added", notes(changelog, version()))

    def test_the_guide_and_the_examples_name_the_version(self):
        for path in (
            "docs/guides/releases.md",
            "examples/github/deploy.yml",
            "examples/github/configuration.yml",
        ):
            text = (PROJECT / path).read_text()
            named = re.findall(r"(?:tollgate-|VERSION: \")(\d+\.\d+\.\d+)", text)
            self.assertEqual(set(named), {version()}, path)

    def test_they_end_at_the_next_version(self):
        changelog = "# C\n\n## 1.1.0 - 2026-01-01\n\n### Added\n- two\n\n## 1.0.0\n\n- one\n"
        self.assertEqual(notes(changelog, "1.1.0"), "### Added\n- two\n")
        self.assertEqual(notes(changelog, "1.0.0"), "- one\n")
        for missing in ("1.1", "2.0.0", "1.0.00"):
            with self.assertRaisesRegex(SystemExit, "missing or empty"):
                notes(changelog, missing)


if __name__ == "__main__":
    unittest.main()
