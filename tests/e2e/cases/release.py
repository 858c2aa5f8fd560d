"""The artefact of a release, deployed without Rust and without the SAM CLI."""

import pathlib
import tempfile

from e2e.aws import ROOT_USER
from e2e.cases.case import StackCase
from e2e.deployed_api import DeployedApi
from e2e.deployment import PLAN
from e2e.released_stack import PROGRAMS, ReleasedStack, assemble, search_path


class Release(StackCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.release = assemble(cls.folder)

    def stack(self, name: str) -> ReleasedStack:
        parameters = self.deployment.stack.parameters
        return ReleasedStack(self.deployment.emulator, self.release, name, parameters)

    def test_three_commands_of_the_guide_deploy_it(self) -> None:
        programs = search_path(self.folder / "bin")
        self.assertEqual({path.name for path in programs.iterdir()}, set(PROGRAMS))
        self.assertFalse({"cargo", "rustc", "sam"} & set(PROGRAMS))

        stack = self.stack("released")
        stack.deploy_by_guide(programs)
        self.addCleanup(stack.delete)
        self.assert_admits_a_key(stack)

    def test_calls_of_the_terraform_example_deploy_it(self) -> None:
        stack = self.stack("terraformed")
        stack.deploy_by_terraform_calls()
        self.addCleanup(stack.delete)
        self.assert_admits_a_key(stack)

    def assert_admits_a_key(self, stack: ReleasedStack) -> None:
        api = DeployedApi(stack.resources()["Api"], self.deployment.emulator.port)
        planned = api.request("PUT", "/_tollgate/v1/plans/free", {}, PLAN, ROOT_USER)
        self.assertEqual(planned.status, 201, planned)
        body = {"name": "first", "plan": "free"}
        created = api.request("POST", "/_tollgate/v1/keys", {}, body, ROOT_USER)
        self.assertEqual(created.status, 201, created)

        key = created.json()["key"]
        response = api.request("GET", "/orders", {"x-api-key": key})
        self.assertEqual(response.status, 200, response)
        self.assertEqual(response.json()["headers"]["x-tollgate-plan"], "free")
        # The stack of the source has another registry, in which this key does not exist.
        self.assertNotEqual(self.deployment.request("GET", "/orders", key).status, 200)
