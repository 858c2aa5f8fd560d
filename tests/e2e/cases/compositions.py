"""Compositions: complete and partial responses, permissions of parts, limits, and identity."""

import json
import time

from e2e.cases.case import StackCase
from e2e.cases.requests import IDENTITY_HEADERS
from harness.client import Response

DASHBOARD, CHARGED, REPORTS = "/bff/dashboard", "/bff/charged", "/bff/reports"
# The timeout of a part, and the time of a retry and of a busy machine.
PARTIAL_RESPONSE_S = 8


def invocation(path: str, **context: str) -> dict:
    """Returns the event of a request by alice. `context` adds fields to the authorizer's context."""
    return {
        "version": "2.0",
        "routeKey": "ANY /bff/{proxy+}",
        "rawPath": path,
        "pathParameters": {"proxy": path.removeprefix("/bff/")},
        "headers": {},
        "requestContext": {
            "http": {"method": "GET", "path": path},
            "authorizer": {"lambda": {"user_id": "alice", "auth": "none", **context}},
        },
    }


class Compositions(StackCase):
    def get(self, path: str, key: str, method: str = "GET", **headers: str) -> Response:
        return self.deployment.request(method, path, key, **headers)

    def key(self, **fields: object) -> str:
        plan = self.deployment.create_plan()
        return self.deployment.create_key(plan, subject="alice", **fields)["key"]

    def test_complete_response_merges_the_parts_and_is_validated(self) -> None:
        key = self.key()
        response = self.get(DASHBOARD, key)
        self.assertEqual(response.status, 200, response)
        self.assertEqual(response.headers["x-tollgate-complete"], "true")

        document = response.json()
        self.assertEqual(list(document), ["user", "orders", "promotions"])
        called = {name: (part["path"], part["query"]) for name, part in document.items()}
        expected = {
            "user": ("/users/alice", ""),
            "orders": ("/orders", "userId=alice"),
            "promotions": ("/offers/GET", ""),
        }
        self.assertEqual(called, expected)

    def test_fields_of_the_response_and_its_head_are_the_same(self) -> None:
        key = self.key()
        head = self.get(DASHBOARD, key, "HEAD")
        self.assertEqual((head.status, head.headers["x-tollgate-complete"]), (200, "true"))
        self.assertIn("etag", head.headers)
        self.assertIn("private", head.headers["cache-control"])

    def test_services_receive_the_identity_of_the_authorizer_and_never_the_key(self) -> None:
        forged = {f"x_tollgate_{name.replace('-', '_')}": "forged" for name in IDENTITY_HEADERS}
        response = self.get(DASHBOARD, self.key(), **forged, x_forwarded_user="forged")
        self.assertEqual(response.status, 200, response)
        for name, part in response.json().items():
            headers = part["headers"]
            self.assertEqual(headers["x-tollgate-user-id"], "alice", name)
            self.assertEqual(headers["x-tollgate-decision"], "allowed", name)
            self.assertEqual(headers["x-tollgate-origin"], "-", name)
            self.assertEqual(headers["accept-encoding"], "identity", name)
            self.assertNotIn("x-api-key", headers, name)
            self.assertNotIn("forged", headers.values(), name)

    def test_stopped_service_leads_to_a_partial_response_with_its_fallback(self) -> None:
        key, services = self.key(), self.deployment.services
        for server, missing in (
            (services.users, {"user", "promotions"}),
            (services.orders, {"orders", "promotions"}),
        ):
            server.stop()
            try:
                begin = time.monotonic()
                response = self.get(DASHBOARD, key)
                self.assertLess(time.monotonic() - begin, PARTIAL_RESPONSE_S)
            finally:
                server.start()

            self.assertEqual(response.status, 206, response)
            self.assertEqual(response.headers["x-tollgate-complete"], "false")
            self.assertEqual(response.headers["cache-control"], "no-store")
            self.assertNotIn("etag", response.headers)
            document = response.json()
            reasons = {it["part"]: it["reason"] for it in document["_metadata"]["missing"]}
            self.assertEqual(reasons.keys(), missing, document)
            self.assertNotIn(server.address, json.dumps(document["_metadata"]))
            fallback = {"name": "User"} if server is services.users else {"items": []}
            self.assertIn(fallback, document.values())

            self.assertEqual(self.get(DASHBOARD, key).status, 200, "the service is back")

    def test_part_that_the_caller_may_not_call_is_forbidden(self) -> None:
        refused = self.get(REPORTS, self.key())
        self.assertEqual(refused.status, 403, refused)
        self.assertEqual(refused.json()["part"], "reports")
        allowed = self.get(REPORTS, self.key(scopes=["reports:read"]))
        self.assertEqual(allowed.status, 200, allowed)
        self.assertEqual(allowed.json()["reports"]["path"], "/reports")

    def test_charge_for_parts_beyond_the_plan_is_429(self) -> None:
        plan = self.deployment.create_plan(throttle={"rate": 0.001, "burst": 3}, quotas=[])
        key = self.deployment.create_key(plan, subject="alice")["key"]
        self.assertEqual(self.get(CHARGED, key).status, 200)
        throttled = self.get(CHARGED, key)
        self.assertEqual(throttled.status, 429, throttled)
        self.assertGreater(int(throttled.headers["retry-after"]), 0)

    def test_marked_request_is_429_before_any_call(self) -> None:
        """`OnThrottle=forbid` marks no request, so the function gets the event directly."""
        event = invocation(DASHBOARD, decision="throttled", retry_after="17")
        response, failed = self.deployment.invoke("ComposerFunction", event)
        self.assertFalse(failed, response)
        self.assertEqual(response["statusCode"], 429)
        headers = {name.lower(): value for name, value in response["headers"].items()}
        self.assertEqual(headers["retry-after"], "17")

    def test_post_part_receives_the_body_of_the_client(self) -> None:
        named = {"x-api-key": self.key()}
        response = self.deployment.api.request("POST", "/bff/orders", named, {"item": "book"})
        self.assertEqual(response.status, 200, response)
        order = response.json()["order"]
        self.assertEqual((order["method"], order["path"]), ("POST", "/orders"))
        self.assertEqual(order["headers"]["content-type"], "application/json")
        self.assertNotIn("etag", response.headers)

    def test_unchanged_response_is_304(self) -> None:
        """Responses of the services contain the id of the request, so that each has its own tag."""
        key = self.key()
        first = self.get(DASHBOARD, key)
        self.assertRegex(first.headers["etag"], r'^"[^"]+"$')
        unchanged = self.get(DASHBOARD, key, if_none_match="*")
        self.assertEqual((unchanged.status, unchanged.body), (304, b""))
        changed = self.get(DASHBOARD, key, if_none_match=first.headers["etag"])
        self.assertEqual(changed.status, 200)
