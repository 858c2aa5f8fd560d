"""Deploys a release as its guide says, with the AWS CLI and without Rust."""

import json
import os
import pathlib
import re
import shutil

from e2e.aws import AwsEmulator
from e2e.emulator_template import adapted
from e2e.stack import BUILD_FOLDER, outputs, resources
from harness.paths import PROJECT, TOOLS
from harness.processes import run
from release import X86_64, layout
from release.version import version
from template.templates import FUNCTION, Template

GUIDE = PROJECT / "docs" / "guides" / "releases.md"
NAME, BUCKET = "released", "released-artifacts"
SECONDS = 1_700_000_000
DEPLOYMENT_TIMEOUT_S = 180
# The programs that the guide needs, with the shell that runs its commands.
PROGRAMS = {"aws": TOOLS / "aws", "bash": shutil.which("bash"), "env": shutil.which("env")}


class ReleasedStack:
    """A stack from the artefact of a release. `parameters` that the template lacks are ignored."""

    def __init__(self, emulator: AwsEmulator, parameters: dict[str, str]) -> None:
        self.emulator = emulator
        self.folder = assemble(emulator.folder)
        self.path = emulator.folder / "programs"
        self.path.mkdir()
        for name, program in PROGRAMS.items():
            (self.path / name).symlink_to(program)

        # The emulator runs functions of this machine, and its differences from AWS are only in the template.
        built = self.folder / layout.template_name(X86_64)
        template = json.loads(built.read_text())
        (self.folder / "template.json").write_text(json.dumps(adapted(template)))
        values = [
            f"{name}={value}" for name, value in parameters.items() if name in template["Parameters"]
        ]
        (self.folder / "parameters.json").write_text(json.dumps(values))

    def deploy(self) -> str:
        """Runs the three commands of the guide and returns their output."""
        script = "set -e\ncd \"$RELEASE\"\n" + commands()
        return run(
            [self.path / "bash", "-c", script],
            self.emulator.caller_environment()
            | {"PATH": str(self.path), "BUCKET": BUCKET, "RELEASE": str(self.folder)},
            DEPLOYMENT_TIMEOUT_S,
        )

    def outputs(self) -> dict[str, str]:
        return outputs(self.emulator, NAME)

    def resources(self) -> dict[str, str]:
        return resources(self.emulator, NAME)

    def delete(self) -> None:
        """Deletes the stack and what it retains."""
        created, client = self.resources(), self.emulator.client
        client("cloudformation").delete_stack(StackName=NAME)
        client("cloudformation").get_waiter("stack_delete_complete").wait(
            StackName=NAME, WaiterConfig={"Delay": 1}
        )
        client("dynamodb").delete_table(TableName=created["RegistryTable"])
        client("logs").delete_log_group(logGroupName=created["AccessLogGroup"])


def commands() -> str:
    """Returns the commands of the guide's section "Deploy", with another name for the stack."""
    section = GUIDE.read_text().split("\n## Deploy\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block.count("--stack-name tollgate ") == 1, block
    return block.replace("--stack-name tollgate ", f"--stack-name {NAME} ")


def assemble(folder: pathlib.Path) -> pathlib.Path:
    """Assembles a release for this machine from the build of the end-to-end tests."""
    source = Template.read("template.yaml")
    programs = folder / "compiled"
    for logical_id, function in source.resources(FUNCTION).items():
        package = pathlib.PurePath(function["Properties"]["CodeUri"]).name
        (programs / package).mkdir(parents=True)
        (programs / package / "bootstrap").symlink_to(BUILD_FOLDER / logical_id / "bootstrap")

    release = folder / f"{layout.PROGRAM}-{version()}"
    layout.add_architecture(release, source, version(), X86_64, programs, SECONDS)
    layout.add_common_files(release, folder / "no-sboms")
    return release


def found_programs(path: pathlib.Path) -> set[str]:
    """Returns the names of all programs on a search path of one folder."""
    return {entry.name for entry in path.iterdir() if os.access(entry, os.X_OK)}
