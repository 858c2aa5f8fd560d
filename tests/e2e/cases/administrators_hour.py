"""The commands of docs/guides/administration.md on a deployed stack, signed by an IAM user."""

import csv
import json
import pathlib
import subprocess
import tempfile

from documents import markdown
from e2e.cases.case import StackCase
from e2e.iam_user import environment_of_user
from harness.paths import EVALUATOR, PROJECT

GUIDE = PROJECT / "docs" / "guides" / "administration.md"
SCRIPT_TIMEOUT_S = 300
# The exit code of a command that the API refused.
REFUSED = 1


class AdministratorsHour(StackCase):
    def test_commands_of_the_guide_succeed_with_the_documented_permissions(self) -> None:
        environment = self.administrator()
        with tempfile.TemporaryDirectory(prefix="tollgate-hour-") as name:
            folder = pathlib.Path(name)
            script = "".join(markdown.blocks(GUIDE.read_text(), "sh"))
            hour = self.run_in(folder, ["bash", "-euxo", "pipefail", "-c", script], environment)
            self.assertEqual(hour.returncode, 0, hour.stdout + hour.stderr)

            secrets = self.secrets(folder / "secrets.csv")
            rotated = self.secrets(folder / "rotated.csv")
            usage = (folder / "usage.csv").read_text()

        self.assertEqual(len(secrets), 20)
        self.assertEqual(self.key("dahlia", environment)["plan"], "standard")
        self.assertTrue(self.key("acorn", environment)["enabled"])
        self.assertNotEqual(rotated["ginkgo"], secrets["ginkgo"])
        self.assertEqual(self.deployment.request("GET", "/orders", secrets["tulip"]).status, 200)
        self.assertIn("tulip", usage)
        # `ps` and the output of a command are no places for a secret.
        self.assertFalse([one for one in secrets.values() if one in hour.stdout + hour.stderr])

    def test_user_without_permission_reads_which_one_is_missing(self) -> None:
        environment = self.user([self.statement("cloudformation:DescribeStacks", "*")])
        result = self.tollgate(["plans", "list"], environment)
        self.assertEqual(result.returncode, REFUSED, result.stderr)
        self.assertIn("execute-api:Invoke", result.stderr)

    def administrator(self) -> dict[str, str]:
        """Creates a user with the permissions that docs/reference/cli.md names."""
        return self.user(
            [
                self.statement("cloudformation:DescribeStacks", "*"),
                self.statement("execute-api:Invoke", self.deployment.outputs["AdministrationArn"]),
            ]
        )

    def statement(self, action: str, resource: str) -> dict[str, str]:
        return {"Effect": "Allow", "Action": action, "Resource": resource}

    def user(self, statements: list[dict[str, str]]) -> dict[str, str]:
        """Creates a user, and returns the environment of the user's commands."""
        policy = {"Version": "2012-10-17", "Statement": statements}
        return environment_of_user(self.deployment, policy)

    def key(self, key_id: str, environment: dict[str, str]) -> dict:
        result = self.tollgate(["keys", "get", key_id, "--json"], environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def tollgate(
        self, arguments: list[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return self.run_in(PROJECT, [str(EVALUATOR), *arguments], environment)

    def run_in(
        self, folder: pathlib.Path, command: list[str], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SCRIPT_TIMEOUT_S,
        )

    def secrets(self, file: pathlib.Path) -> dict[str, str]:
        with file.open() as lines:
            return {row["key_id"]: row["secret"] for row in csv.DictReader(lines)}
