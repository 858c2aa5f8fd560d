"""Deploys a release with the commands of its guide, or with the calls that Terraform makes."""

import json
import pathlib
import re
import shutil

from e2e.aws import AwsEmulator
from e2e.emulator_template import adapt_nested_stacks, adapted
from e2e.stack import BUILD_FOLDER, resources
from harness.paths import PROJECT, TOOLS
from harness.processes import run
from release import X86_64, layout
from release.terraform_example import Replay
from release.version import version
from template.templates import FUNCTION, Template

GUIDE = PROJECT / "docs" / "guides" / "releases.md"
SECONDS = 1_700_000_000
DEPLOYMENT_TIMEOUT_S = 180
POLLING = {"Delay": 1, "MaxAttempts": DEPLOYMENT_TIMEOUT_S}
# The programs that the guide needs, with the shell that runs its commands.
PROGRAMS = {"aws": TOOLS / "aws", "bash": shutil.which("bash"), "env": shutil.which("env")}


class ReleasedStack:
    """A stack from the artefact of a release in `folder`."""

    def __init__(
        self, emulator: AwsEmulator, folder: pathlib.Path, name: str, parameters: dict[str, str]
    ) -> None:
        self.emulator, self.folder, self.name = emulator, folder, name
        template = json.loads((folder / "template.json").read_text())
        self.template_parameters = template["Parameters"].keys()
        self.parameters = {
            name: value for name, value in parameters.items() if name in self.template_parameters
        }

    def deploy_by_guide(self, programs: pathlib.Path) -> None:
        """Runs the three commands of the guide, with the search path `programs`."""
        values = [f"{name}={value}" for name, value in self.parameters.items()]
        (self.folder / "parameters.json").write_text(json.dumps(values))
        variables = {"PATH": str(programs), "BUCKET": f"{self.name}-artifacts"}
        run(
            [programs / "bash", "-c", f"set -e\ncd '{self.folder}'\n{commands(self.name)}"],
            self.emulator.caller_environment() | variables,
            DEPLOYMENT_TIMEOUT_S,
        )

    def deploy_by_terraform_calls(self) -> None:
        """Makes the API calls of the resources in the Terraform example."""
        client = self.emulator.client
        self.replay().run(client("s3").put_object, client("cloudformation").create_stack)
        self.wait("stack_create_complete")

    def replay(self) -> Replay:
        """Returns the calls of the Terraform example, for a bucket that exists."""
        bucket = f"{self.name}-artifacts"
        self.emulator.client("s3").create_bucket(Bucket=bucket)
        url = f"{self.emulator.url}/{bucket}"
        return Replay(self.folder, bucket, url, self.name, self.parameters)

    def update(self, **changes: str) -> None:
        """Changes parameters and keeps the template."""
        values = self.parameters | changes
        parameters = [
            {"ParameterKey": name, "ParameterValue": value} for name, value in values.items()
        ]
        self.emulator.client("cloudformation").update_stack(
            StackName=self.name,
            UsePreviousTemplate=True,
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM"],
        )
        self.wait("stack_update_complete")

    def wait(self, waiter: str) -> None:
        client = self.emulator.client("cloudformation")
        client.get_waiter(waiter).wait(StackName=self.name, WaiterConfig=POLLING)

    def status(self) -> str:
        client = self.emulator.client("cloudformation")
        return client.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]

    def resources(self) -> dict[str, str]:
        return resources(self.emulator, self.name)

    def delete(self) -> None:
        """Deletes the stack and what it retains."""
        created, client = self.resources(), self.emulator.client
        client("cloudformation").delete_stack(StackName=self.name)
        self.wait("stack_delete_complete")
        if "RegistryTable" in created:
            client("dynamodb").delete_table(TableName=created["RegistryTable"])
        client("logs").delete_log_group(logGroupName=created["AccessLogGroup"])


def commands(stack: str) -> str:
    """Returns the deploying commands of the guide's section "Deploy", with another name for the
    stack."""
    section = GUIDE.read_text().split("\n## Deploy\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    (block,) = [block for block in blocks if "aws cloudformation deploy" in block]
    assert block.count("--stack-name tollgate ") == 1, block
    return block.replace("--stack-name tollgate ", f"--stack-name {stack} ")


def search_path(folder: pathlib.Path) -> pathlib.Path:
    """Creates a folder with links to the few programs that the guide needs."""
    folder.mkdir()
    for name, program in PROGRAMS.items():
        (folder / name).symlink_to(program)
    return folder


def assemble(folder: pathlib.Path) -> pathlib.Path:
    """Assembles a release for this machine from the build of the end-to-end tests. Its template is
    adapted to the emulator.
    """
    source = Template.read("template.yaml")
    programs = folder / "compiled"
    for logical_id, function in source.resources(FUNCTION).items():
        package = pathlib.PurePath(function["Properties"]["CodeUri"]).name
        (programs / package).mkdir(parents=True)
        (programs / package / "bootstrap").symlink_to(BUILD_FOLDER / logical_id / "bootstrap")

    release = folder / f"{layout.PROGRAM}-{version()}"
    layout.add_architecture(release, source, version(), X86_64, programs, SECONDS)
    layout.add_common_files(release, folder / "no-sboms")
    template = json.loads((release / layout.template_name(X86_64)).read_text())
    deployed = adapted(template)
    adapt_nested_stacks(deployed, release, "nested")
    (release / "template.json").write_text(json.dumps(deployed))
    return release
