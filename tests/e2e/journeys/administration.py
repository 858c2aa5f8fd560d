"""Plans, keys and usage through the limiter's API."""

import csv
import io
import uuid

from .journey import Journey


class Administration(Journey):
    def test_a_plan_is_made_read_replaced_listed_and_deleted(self) -> None:
        path = f"/plans/plan-{uuid.uuid4().hex[:12]}"
        self.assertEqual(self.world.administer("PUT", path, {"throttle": {"rate": 1, "burst": 5}}).status, 201)
        self.assertEqual(self.world.administer("PUT", path, {"throttle": {"rate": 2, "burst": 5}}).status, 200)
        self.assertEqual(self.world.administer("GET", path).json()["throttle"], {"rate": 2, "burst": 5})
        self.assertTrue(self.world.administer("GET", "/plans?limit=100").json()["items"])
        self.assertEqual(self.world.administer("DELETE", path).status, 204)
        self.assertEqual(self.world.administer("GET", path).status, 404)

    def test_a_plan_that_cannot_be_is_a_problem_that_names_the_member(self) -> None:
        answer = self.world.administer("PUT", "/plans/wrong", {"throttle": {"rate": -1, "burst": 5}})
        self.assertEqual((answer.status, answer.headers["content-type"]), (422, "application/problem+json"))
        self.assertIn("/throttle/rate", answer.body.decode())

    def test_a_key_is_listed_by_its_plan_and_works_until_it_is_deleted(self) -> None:
        plan = self.world.plan()
        key = self.world.key(plan)
        listed = self.world.administer("GET", f"/keys?plan={plan}").json()["items"]
        self.assertEqual([item["key_id"] for item in listed], [key["key_id"]])
        self.assertNotIn(key["key"], str(listed))
        self.assertEqual(self.world.administer("DELETE", f"/keys/{key['key_id']}").status, 204)
        self.assertNotEqual(self.world.request("GET", "/orders", key["key"]).status, 200)

    def test_a_rotated_key_keeps_its_usage_and_the_old_secret_its_grace(self) -> None:
        key = self.world.key(self.world.plan(quotas=[{"limit": 100, "period": "month"}]))
        path = f"/keys/{key['key_id']}"
        self.assertEqual(self.world.request("GET", "/orders", key["key"]).status, 200)
        rotated = self.world.administer("POST", f"{path}/rotate", {"grace_s": 3600}).json()
        self.assertEqual(rotated["key_id"], key["key_id"])
        self.assertNotEqual(rotated["key"], key["key"])
        for secret in (key["key"], rotated["key"]):
            self.assertEqual(self.world.request("GET", "/orders", secret).status, 200)
        usage = self.world.administer("GET", f"{path}/usage").json()
        self.assertEqual(usage["quotas"][0]["usage"], [3, 97])

    def test_an_earlier_secret_without_grace_is_refused_at_once_where_nobody_knew_it(self) -> None:
        key = self.world.key(self.world.plan())
        rotated = self.world.administer("POST", f"/keys/{key['key_id']}/rotate", {"grace_s": 0}).json()
        self.assertNotEqual(self.world.request("GET", "/orders", key["key"]).status, 200)
        self.assertEqual(self.world.request("GET", "/orders", rotated["key"]).status, 200)

    def test_usage_is_reported_as_json_as_csv_and_to_the_key_itself(self) -> None:
        key = self.world.key(self.world.plan(quotas=[{"name": "day", "limit": 10, "period": "day"}]))
        for _ in range(4):
            self.world.request("GET", "/orders", key["key"])
        path = f"/keys/{key['key_id']}/usage"
        report = self.world.administer("GET", path).json()
        self.assertEqual([day["used"] for day in report["days"]][-1], 4)
        self.assertEqual(report["quotas"][0]["usage"], [4, 6])
        lines = csv.reader(io.StringIO(self.world.administer("GET", path, accept="text/csv").body.decode()))
        self.assertIn("4", list(lines)[-1])
        own = self.world.request("GET", "/_tollgate/usage", key["key"])
        self.assertEqual((own.status, own.json()["key_id"]), (200, key["key_id"]))
        granted = self.world.administer("PATCH", path, {"quota": "day", "grant": 5})
        self.assertEqual(granted.status, 200)
        # Neither the question nor a refused one was charged to the quota.
        self.assertEqual(self.world.administer("GET", path).json()["quotas"][0]["usage"], [4, 11])

    def test_keys_are_imported_and_exported_as_files(self) -> None:
        plan, secret = self.world.plan(), uuid.uuid4().hex
        file = f"name,key,enabled\nimported,{secret},TRUE\n".encode()
        imported = self.world.administer("POST", f"/keys/import?plan={plan}", file, content_type="text/csv")
        self.assertEqual(imported.status, 200, imported.body)
        self.assertEqual(self.world.request("GET", "/orders", secret).status, 200)
        exported = self.world.administer("GET", "/keys/export").body.decode()
        self.assertIn(plan, exported)
        self.assertNotIn(secret, exported)

    def test_a_service_without_an_authorizer_asks_consumes_and_is_refunded(self) -> None:
        plan = self.world.plan(quotas=[{"limit": 1, "period": "month"}])
        question = {"subject": f"bob-{uuid.uuid4()}", "plan": plan}
        first = self.world.administer("POST", "/decisions", question).json()
        second = self.world.administer("POST", "/decisions", question).json()
        self.assertEqual((first["decision"], second["decision"]), ("allowed", "throttled"))
        refund = {"mode": "refund", "charge": first["charge"]}
        self.assertEqual(self.world.administer("POST", "/decisions", refund).status, 200)
        self.assertEqual(self.world.administer("POST", "/decisions", question).json()["decision"], "allowed")

    def test_a_policy_is_kept_for_authorizers(self) -> None:
        policy = {"api_keys": {"header": "x-api-key"}, "rules": [{"match": "ANY /{proxy+}", "auth": "any"}]}
        self.assertIn(self.world.administer("PUT", "/policies/kept", policy).status, (200, 201))
        self.assertEqual(self.world.administer("GET", "/policies/kept").json()["rules"], policy["rules"])

    def test_nobody_administers_without_a_signature(self) -> None:
        self.assertEqual(self.world.request("GET", "/_tollgate/v1/plans").status, 403)
