"""The web console of a deployed stack: the journey of an operator in a browser.

The requests are signed by a user with the permissions that docs/guides/platform-teams.md names.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator

from e2e.cases.case import StackCase
from e2e.iam_user import environment_of_user
from harness.paths import EVALUATOR, PROJECT

GUIDE = PROJECT / "docs" / "guides" / "platform-teams.md"
JOURNEY = PROJECT / "tests" / "console" / "deployed_journey.mjs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPEN = re.compile(r"Open this file in a browser on this machine within 30 s: (?P<file>\S+)")

START_TIMEOUT_S = 60
JOURNEY_TIMEOUT_S = 300
STOP_TIMEOUT_S = 40


class Console(StackCase):
    def setUp(self) -> None:
        named = os.environ.get("CHROMIUM")
        if not named and not any(shutil.which(browser) for browser in BROWSERS):
            if os.environ.get("CI"):
                self.fail("there is no browser, expected Chromium")
            self.skipTest("there is no browser, so the console is not tested")

    def test_operator_creates_a_key_finds_a_refusal_and_grants_more(self) -> None:
        environment = environment_of_user(self.deployment, self.policy())
        api = self.deployment.api
        # The stack has no listener rule that responds with 429.
        options = ["--api", f"http://{api.host}{api.stage}", "--throttled", "403"]
        with self.console(environment, "--write") as file:
            journey = subprocess.run(
                ["node", JOURNEY, "--open", file, *options],
                cwd=PROJECT / "tests",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=JOURNEY_TIMEOUT_S,
            )
        self.assertEqual(journey.returncode, 0, journey.stdout + journey.stderr)
        self.assertFalse(file.exists(), "the file with the code is deleted")

    def policy(self) -> dict:
        """Returns the documented policy for this stack, with the permission to make changes."""
        _, rest = GUIDE.read_text().split("<!-- console policy -->\n```json")
        text, _ = rest.split("```", 1)
        _, _, _, region, account, resource = self.deployment.outputs["AdministrationArn"].split(":", 5)
        api, stage = resource.split("/")[:2]
        names = {"REGION": region, "ACCOUNT": account, "API/STAGE": f"{api}/{stage}"}
        for name, value in (names | {"STACK": self.deployment.stack.name}).items():
            text = text.replace(name, value)
        # The emulator compares the ARN of a log group without the part of its streams.
        policy = json.loads(text.replace(':*"', '*"'))
        policy["Statement"].append(
            {
                "Effect": "Allow",
                "Action": "execute-api:Invoke",
                "Resource": self.deployment.outputs["AdministrationArn"],
            }
        )
        return policy

    @contextlib.contextmanager
    def console(self, environment: dict[str, str], *options: str) -> Iterator[pathlib.Path]:
        """Runs `tollgate console`, and yields the file that opens its page."""
        with tempfile.TemporaryDirectory(prefix="tollgate-console-") as folder:
            process = subprocess.Popen(
                [EVALUATOR, "console", "--no-browser", "--code-folder", folder, *options],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            try:
                yield self.file_of(process)
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=STOP_TIMEOUT_S)

    def file_of(self, process: subprocess.Popen[str]) -> pathlib.Path:
        """Waits for the line that names the file."""
        timer = threading.Timer(START_TIMEOUT_S, process.kill)
        timer.start()
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if found := OPEN.search(line):
                    return pathlib.Path(found["file"])
            raise AssertionError("no file was named:\n" + "".join(lines))
        finally:
            timer.cancel()
