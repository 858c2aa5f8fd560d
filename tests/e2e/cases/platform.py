"""Switches of platform teams: they are turned on and off again in a deployed stack.

The emulator ignores a role's permissions boundary and a function's VPC.
"""

from e2e.cases.case import StackCase

# With `AuthPolicy`, the authorizer in the VPC needs egress.
SWITCHES = {
    "SubnetsHaveEgress": "true",
    "AuthorizerInVpc": "true",
    "LimiterInVpc": "true",
    "Tracing": "Active",
    "PublicHealth": "false",
    "PublicDescription": "false",
}
DEFAULTS = {
    "SubnetsHaveEgress": "false",
    "AuthorizerInVpc": "false",
    "LimiterInVpc": "false",
    "Tracing": "PassThrough",
    "PublicHealth": "true",
    "PublicDescription": "true",
    "KmsKeyArn": "",
}
PUBLIC = {"GET /health", "GET /_tollgate/openapi.json"}


class PlatformSwitches(StackCase):
    def test_requests_succeed_with_every_switch_and_without_again(self) -> None:
        plan = self.deployment.create_plan()
        key = self.deployment.create_key(plan)["key"]
        kms_key = self.create_kms_key()

        stack = self.deployment.stack
        stack.deploy(**SWITCHES, KmsKeyArn=kms_key)
        try:
            self.assert_served(plan, key)
            self.assertEqual(self.keys_of_log_groups(), {kms_key})
            self.assertEqual(self.keys_of_queues(), {kms_key})
            self.assertEqual(self.routes() & PUBLIC, set())
        finally:
            stack.deploy(**DEFAULTS)
        self.assert_served(plan, key)
        self.assertEqual(self.keys_of_log_groups(), {None})
        self.assertEqual(self.keys_of_queues(), {None})
        self.assertEqual(self.routes() & PUBLIC, PUBLIC)

    def assert_served(self, plan: str, key: str) -> None:
        self.assertEqual(self.deployment.request("GET", "/orders", key).status, 200)
        self.assertEqual(self.deployment.admin_request("GET", f"/plans/{plan}").status, 200)

    def create_kms_key(self) -> str:
        return self.deployment.emulator.client("kms").create_key()["KeyMetadata"]["Arn"]

    def keys_of_log_groups(self) -> set[str | None]:
        groups = self.deployment.emulator.client("logs").describe_log_groups()["logGroups"]
        own = set(self.deployment.stack.resources().values())
        return {group.get("kmsKeyId") for group in groups if group["logGroupName"] in own}

    def keys_of_queues(self) -> set[str | None]:
        client, found = self.deployment.emulator.client("sqs"), set()
        for url in client.list_queues()["QueueUrls"]:
            attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            found.add(attributes["Attributes"].get("KmsMasterKeyId"))
        return found

    def routes(self) -> set[str]:
        client = self.deployment.emulator.client("apigatewayv2")
        routes = client.get_routes(ApiId=self.deployment.resources["Api"])["Items"]
        return {route["RouteKey"] for route in routes}
