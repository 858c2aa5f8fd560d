"""The Terraform examples can be parsed, and the calls for a release have valid inputs."""

import unittest

import boto3
import hcl2
from botocore.stub import Stubber

from harness.paths import PROJECT
from release import fake_release
from release.terraform_example import Replay


class Terraform(unittest.TestCase):
    def test_every_example_can_be_parsed(self):
        files = sorted((PROJECT / "examples" / "terraform").rglob("*.tf"))
        self.assertGreater(len(files), 0)
        for path in files:
            with path.open() as file:
                self.assertTrue(hcl2.load(file), path)

    def test_the_calls_upload_every_file_before_the_stack(self):
        bucket_url, parameters = "https://bucket.example", {"VpcId": "vpc-1"}
        replay = Replay(fake_release.shared(), "bucket", bucket_url, "one", parameters)
        called = recorded(replay)

        objects = [call for call in called if call[0] == "PutObject"]
        self.assertEqual(len(objects), len(replay.paths()) + 1)
        (operation, stack) = called[-1]
        self.assertEqual((operation, stack["StackName"]), ("CreateStack", "one"))
        self.assertEqual(stack["TemplateURL"], f"https://bucket.example/{objects[-1][1]['Key']}")
        self.assertEqual(stack["Capabilities"], ["CAPABILITY_IAM"])
        for path in replay.paths():
            self.assertNotIn(f'"{path}"', replay.packaged)


def recorded(replay: Replay) -> list[tuple[str, dict]]:
    """Returns the calls of a replay. botocore validates their inputs."""
    called: list[tuple[str, dict]] = []

    def client(service: str, operation: str, response: dict):
        created = boto3.client(
            service,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        stub = Stubber(created)
        for _ in range(20):
            stub.add_response(operation, response)
        stub.activate()
        created.meta.events.register(
            "provide-client-params.*.*",
            lambda params, model, **_: called.append((model.name, dict(params))),
        )
        return getattr(created, operation)

    replay.run(
        client("s3", "put_object", {}),
        client("cloudformation", "create_stack", {"StackId": "arn:aws:cloudformation:stack"}),
    )
    return called


if __name__ == "__main__":
    unittest.main()
