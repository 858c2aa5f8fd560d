"""The artefact of a release, deployed without Rust and without the SAM CLI."""

from e2e.aws import ROOT_USER
from e2e.cases.case import StackCase
from e2e.deployed_api import DeployedApi
from e2e.deployment import PLAN
from e2e.released_stack import ReleasedStack, found_programs


class Release(StackCase):
    def test_stack_of_a_release_admits_a_key(self) -> None:
        deployment = self.deployment
        stack = ReleasedStack(deployment.emulator, deployment.stack.parameters)
        self.assertEqual(found_programs(stack.path), {"aws", "bash", "env"})
        stack.deploy()
        self.addCleanup(stack.delete)

        api = DeployedApi(stack.resources()["Api"], deployment.emulator.port)
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
        self.assertNotEqual(deployment.request("GET", "/orders", key).status, 200)
