"""Proofs of origin: the secret that the backend receives, and the secret that the front must send."""

import json
import secrets

from e2e.cases.case import StackCase

VIEWER = "198.51.100.7:46532"


class ProofOfOrigin(StackCase):
    def test_backend_receives_the_version_of_the_secret_that_was_chosen(self) -> None:
        key = self.deployment.create_key(self.deployment.create_plan())["key"]
        self.assertEqual(self.origins(key), {"-"})

        client = self.deployment.emulator.client("secretsmanager")
        first, second = secrets.token_hex(32), secrets.token_hex(32)
        secret = client.create_secret(Name="tollgate/origin", SecretString=first)
        stack, arn = self.deployment.stack, secret["ARN"]
        stack.deploy(OriginSecretArn=arn, OriginSecretVersion=secret["VersionId"])
        try:
            self.assertEqual(self.origins(key), {first})

            replaced = client.put_secret_value(SecretId=arn, SecretString=second)
            self.assertEqual(self.origins(key), {first}, "the parameter has not changed yet")
            stack.deploy(OriginSecretVersion=replaced["VersionId"])
            self.assertEqual(self.origins(key), {second})
        finally:
            stack.deploy(OriginSecretArn="", OriginSecretVersion="")
        self.assertEqual(self.origins(key), {"-"})

    def test_request_that_bypasses_the_front_is_refused(self) -> None:
        plan = self.deployment.create_plan()
        key = self.deployment.create_key(plan, allowed_ips=["198.51.100.0/24"])["key"]
        client = self.deployment.emulator.client("secretsmanager")
        secret = secrets.token_hex(32)
        arn = client.create_secret(Name="tollgate/front", SecretString=secret)["ARN"]
        policy = json.loads(self.deployment.policy())
        policy["front"] = {
            "secret": f"secretsmanager:{arn}",
            "client_ip": "cloudfront-viewer-address",
        }

        stack = self.deployment.stack
        stack.deploy(SecretArns=arn, AuthPolicy=json.dumps(policy))
        try:
            for sent in ({}, {"x_origin_verify": "0" * 64}):
                refused = self.deployment.request(
                    "GET", "/orders", key, cloudfront_viewer_address=VIEWER, **sent
                )
                self.assertEqual(refused.status, 403, sent)
            served = self.deployment.request(
                "GET", "/orders", key, cloudfront_viewer_address=VIEWER, x_origin_verify=secret
            )
            self.assertEqual(served.status, 200)
            self.assertNotIn("x-origin-verify", served.json()["headers"])
        finally:
            stack.deploy(SecretArns="", AuthPolicy=self.deployment.policy())
        # Without a front, the client's header does not count.
        direct = self.deployment.request("GET", "/orders", key, cloudfront_viewer_address=VIEWER)
        self.assertEqual(direct.status, 403)

    def origins(self, key: str) -> set[str]:
        """Returns the proofs of origin that the backend receives on protected and public routes."""
        requests = (
            self.deployment.request("GET", "/orders", key, x_tollgate_origin="forged"),
            self.deployment.request("GET", "/health", x_tollgate_origin="forged"),
        )
        return {it.json()["headers"]["x-tollgate-origin"] for it in requests}
