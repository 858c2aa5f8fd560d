"""Plans, keys and usage in the admin API."""

import csv
import io
import uuid

from e2e.cases.case import StackCase


class Administration(StackCase):
    def test_plan_is_created_read_replaced_listed_and_deleted(self) -> None:
        path = f"/plans/plan-{uuid.uuid4().hex[:12]}"
        self.assertEqual(
            self.deployment.admin_request(
                "PUT", path, {"throttle": {"rate": 1, "burst": 5}}
            ).status,
            201,
        )
        self.assertEqual(
            self.deployment.admin_request(
                "PUT", path, {"throttle": {"rate": 2, "burst": 5}}
            ).status,
            200,
        )
        self.assertEqual(
            self.deployment.admin_request("GET", path).json()["throttle"], {"rate": 2, "burst": 5}
        )
        self.assertTrue(self.deployment.admin_request("GET", "/plans?limit=100").json()["items"])
        self.assertEqual(self.deployment.admin_request("DELETE", path).status, 204)
        self.assertEqual(self.deployment.admin_request("GET", path).status, 404)

    def test_invalid_plan_is_rejected_and_the_problem_names_the_field(self) -> None:
        response = self.deployment.admin_request(
            "PUT", "/plans/wrong", {"throttle": {"rate": -1, "burst": 5}}
        )
        self.assertEqual(
            (response.status, response.headers["content-type"]), (422, "application/problem+json")
        )
        self.assertIn("/throttle/rate", response.body.decode())

    def test_key_is_listed_by_plan_and_works_until_deleted(self) -> None:
        plan = self.deployment.create_plan()
        key = self.deployment.create_key(plan)
        listed = self.deployment.admin_request("GET", f"/keys?plan={plan}").json()["items"]
        self.assertEqual([item["key_id"] for item in listed], [key["key_id"]])
        self.assertNotIn(key["key"], str(listed))

        self.assertEqual(
            self.deployment.admin_request("DELETE", f"/keys/{key['key_id']}").status, 204
        )
        self.assertNotEqual(self.deployment.request("GET", "/orders", key["key"]).status, 200)

    def test_rotated_key_keeps_its_usage_and_the_old_secret_works_during_grace(self) -> None:
        key = self.deployment.create_key(
            self.deployment.create_plan(quotas=[{"limit": 100, "period": "total"}])
        )
        path = f"/keys/{key['key_id']}"
        self.assertEqual(self.deployment.request("GET", "/orders", key["key"]).status, 200)

        rotated = self.deployment.admin_request("POST", f"{path}/rotate", {"grace_s": 3600}).json()
        self.assertEqual(rotated["key_id"], key["key_id"])
        self.assertNotEqual(rotated["key"], key["key"])

        for secret in (key["key"], rotated["key"]):
            self.assertEqual(self.deployment.request("GET", "/orders", secret).status, 200)
        usage = self.deployment.admin_request("GET", f"{path}/usage").json()
        self.assertEqual(usage["quotas"][0]["usage"], [3, 97])

    def test_old_secret_without_grace_is_rejected_at_once_if_not_cached(self) -> None:
        key = self.deployment.create_key(self.deployment.create_plan())
        rotated = self.deployment.admin_request(
            "POST", f"/keys/{key['key_id']}/rotate", {"grace_s": 0}
        ).json()
        self.assertNotEqual(self.deployment.request("GET", "/orders", key["key"]).status, 200)
        self.assertEqual(self.deployment.request("GET", "/orders", rotated["key"]).status, 200)

    def test_usage_is_reported_as_json_as_csv_and_to_the_key_itself(self) -> None:
        key = self.deployment.create_key(
            self.deployment.create_plan(quotas=[{"name": "day", "limit": 10, "period": "day"}])
        )
        for _ in range(4):
            self.deployment.request("GET", "/orders", key["key"])

        path = f"/keys/{key['key_id']}/usage"
        report = self.deployment.admin_request("GET", path).json()
        self.assertEqual([day["used"] for day in report["days"]][-1], 4)
        self.assertEqual(report["quotas"][0]["usage"], [4, 6])
        lines = csv.reader(
            io.StringIO(self.deployment.admin_request("GET", path, accept="text/csv").body.decode())
        )
        self.assertIn("4", list(lines)[-1])

        own = self.deployment.request("GET", "/_tollgate/usage", key["key"])
        self.assertEqual((own.status, own.json()["key_id"]), (200, key["key_id"]))

        granted = self.deployment.admin_request("PATCH", path, {"quota": "day", "grant": 5})
        self.assertEqual(granted.status, 200)
        # Usage requests are not charged to the quota.
        self.assertEqual(
            self.deployment.admin_request("GET", path).json()["quotas"][0]["usage"], [4, 11]
        )

        grants = f"/keys/{key['key_id']}/grants"
        listed = self.deployment.admin_request("GET", grants).json()["items"]
        self.assertEqual([grant["id"] for grant in listed], [granted.json()["id"]])
        revoked = self.deployment.admin_request("DELETE", f"{grants}/{listed[0]['id']}")
        self.assertEqual(revoked.status, 204)
        self.assertEqual(
            self.deployment.admin_request("GET", path).json()["quotas"][0]["usage"], [4, 6]
        )

    def test_keys_are_imported_and_exported_as_csv(self) -> None:
        plan, secret = self.deployment.create_plan(), uuid.uuid4().hex
        rows = f"name,key,enabled\nimported,{secret},TRUE\n".encode()
        imported = self.deployment.admin_request(
            "POST", f"/keys/import?plan={plan}", rows, content_type="text/csv"
        )
        self.assertEqual(imported.status, 200, imported.body)
        self.assertEqual(self.deployment.request("GET", "/orders", secret).status, 200)

        exported = self.deployment.admin_request("GET", "/keys/export").body.decode()
        self.assertIn(plan, exported)
        self.assertNotIn(secret, exported)

    def test_service_requests_a_decision_consumes_a_call_and_gets_a_refund(self) -> None:
        plan = self.deployment.create_plan(quotas=[{"limit": 1, "period": "month"}])
        request = {"subject": f"bob-{uuid.uuid4()}", "plan": plan}
        first = self.deployment.admin_request("POST", "/decisions", request).json()
        second = self.deployment.admin_request("POST", "/decisions", request).json()
        self.assertEqual((first["decision"], second["decision"]), ("allowed", "throttled"))

        refund = {"mode": "refund", "charge": first["charge"]}
        self.assertEqual(self.deployment.admin_request("POST", "/decisions", refund).status, 200)
        self.assertEqual(
            self.deployment.admin_request("POST", "/decisions", request).json()["decision"],
            "allowed",
        )

    def test_policy_is_stored_for_authorizers(self) -> None:
        policy = {
            "api_keys": {"header": "x-api-key"},
            "rules": [{"match": "ANY /{proxy+}", "auth": "any"}],
        }
        self.assertIn(
            self.deployment.admin_request("PUT", "/policies/kept", policy).status, (200, 201)
        )
        self.assertEqual(
            self.deployment.admin_request("GET", "/policies/kept").json()["rules"], policy["rules"]
        )

    def test_admin_request_without_a_signature_is_forbidden(self) -> None:
        self.assertEqual(self.deployment.request("GET", "/_tollgate/v1/plans").status, 403)
