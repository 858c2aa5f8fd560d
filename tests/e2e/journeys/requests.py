"""Requests through the API: who is let through, as whom, and how often."""

import uuid

from .journey import Journey

OURS = ("decision", "user-id", "email", "roles", "key-id", "plan", "scopes", "auth")


class Requests(Journey):
    def test_a_key_is_let_through_and_its_identity_is_at_the_backend(self) -> None:
        plan = self.world.plan()
        key = self.world.key(plan, subject="alice", scopes=["orders:read"])
        answer = self.world.request("GET", "/orders/7?page=2", key["key"])
        self.assertEqual(answer.status, 200)
        seen = answer.json()
        self.assertEqual((seen["method"], seen["path"], seen["query"]), ("GET", "/orders/7", "page=2"))
        expected = ("allowed", "alice", "-", "-", key["key_id"], plan, "orders:read", "api_key")
        self.assertEqual(tuple(seen["headers"][f"x-tollgate-{name}"] for name in OURS), expected)
        self.assertNotIn("x-api-key", seen["headers"])
        self.assertTrue(seen["headers"]["x-request-id"])

    def test_a_token_is_let_through_and_its_subject_is_at_the_backend(self) -> None:
        plan = self.world.plan()
        token = self.world.token(plan=plan, email="alice@example.com", email_verified=True, scope="orders:read")
        answer = self.world.request("GET", "/orders", authorization=f"Bearer {token}")
        headers = answer.json()["headers"]
        found = tuple(headers[f"x-tollgate-{name}"] for name in OURS)
        self.assertEqual(found, ("allowed", "alice", "alice@example.com", "-", "-", plan, "orders:read", "jwt"))

    def test_what_a_client_claims_to_be_never_reaches_the_backend(self) -> None:
        key = self.world.key(self.world.plan())["key"]
        forged = {f"x_tollgate_{name.replace('-', '_')}": "forged" for name in OURS}
        protected = self.world.request("GET", "/orders", key, **forged).json()["headers"]
        public = self.world.request("GET", "/health", **forged).json()["headers"]
        for name in OURS:
            self.assertNotEqual(protected[f"x-tollgate-{name}"], "forged", name)
            self.assertNotIn(f"x-tollgate-{name}", public)

    def test_without_credentials_nothing_passes_and_the_function_errs_as_a_401_demands(self) -> None:
        # The emulator answers 500 to every error of an authorizer.
        self.assertIn(self.world.request("GET", "/orders").status, (401, 500))
        for headers in ({}, {"x-api-key": f"unknown-{uuid.uuid4()}"}, {"authorization": "Bearer a.b.c"}):
            answer, erred = self.world.invoke("AuthorizerFunction", event("/orders", headers))
            self.assertEqual((answer, erred), ({"errorType": "Unauthorized", "errorMessage": "Unauthorized"}, True))

    def test_a_key_without_the_scope_is_answered_403(self) -> None:
        plan = self.world.plan()
        answer = self.world.request("GET", "/admin/users", self.world.key(plan)["key"])
        self.assertEqual((answer.status, answer.json()), (403, {"message": "Forbidden"}))
        scoped = self.world.key(plan, scopes=["admin:read"])["key"]
        self.assertEqual(self.world.request("GET", "/admin/users", scoped).status, 200)

    def test_a_key_that_has_used_its_burst_up_is_answered_403_where_no_rule_can_say_429(self) -> None:
        plan = self.world.plan(throttle={"rate": 0.001, "burst": 3}, quotas=[])
        key = self.world.key(plan)["key"]
        self.assertEqual([self.world.request("GET", "/orders", key).status for _ in range(5)], [200] * 3 + [403] * 2)

    def test_a_quota_that_is_used_up_refuses_whatever_the_path(self) -> None:
        key = self.world.key(self.world.plan(quotas=[{"limit": 2, "period": "month"}]))["key"]
        paths = ("/", "/orders", "/orders/7")
        self.assertEqual([self.world.request("POST", path, key).status for path in paths], [200, 200, 403])

    def test_without_origins_the_default_routes_are_deployed(self) -> None:
        api = self.world.emulator.client("apigatewayv2")
        routes = {route["RouteKey"] for route in api.get_routes(ApiId=self.world.resources["Api"])["Items"]}
        services = {"ANY /{proxy+}", "ANY /", "OPTIONS /{proxy+}", "OPTIONS /", "GET /health"}
        own = {"ANY /_tollgate/v1/{proxy+}", "GET /_tollgate/usage", "GET /_tollgate/openapi.json"}
        self.assertEqual(routes, services | own)

    def test_public_routes_need_no_credentials(self) -> None:
        answer = self.world.request("GET", "/health")
        self.assertEqual((answer.status, answer.json()["path"]), (200, "/health"))
        description = self.world.request("GET", "/_tollgate/openapi.json")
        self.assertTrue(description.json()["openapi"].startswith("3."))


def event(path: str, headers: dict[str, str]) -> dict:
    """What API Gateway asks an authorizer (payload format 2.0)."""
    http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "tests"}
    context = {"http": http, "requestId": str(uuid.uuid4()), "routeKey": "ANY /{proxy+}", "stage": "$default"}
    return {
        "version": "2.0", "type": "REQUEST", "routeArn": "arn:aws:execute-api:us-east-1:000000000000:api/$default/GET/",
        "identitySource": None, "routeKey": "ANY /{proxy+}", "rawPath": path, "rawQueryString": "", "headers": headers,
        "pathParameters": {"proxy": path.lstrip("/")}, "requestContext": context,
    }
