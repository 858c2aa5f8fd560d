"""Requests through the API: authentication, forwarded identity, and limits."""

import uuid

from e2e.cases.case import StackCase

IDENTITY_HEADERS = ("decision", "user-id", "email", "roles", "key-id", "plan", "scopes", "auth")


class Requests(StackCase):
    def test_valid_key_is_allowed_and_the_backend_receives_its_identity(self) -> None:
        plan = self.deployment.create_plan()
        key = self.deployment.create_key(plan, subject="alice", scopes=["orders:read"])
        response = self.deployment.request("GET", "/orders/7?page=2", key["key"])
        self.assertEqual(response.status, 200)

        request = response.json()
        self.assertEqual(
            (request["method"], request["path"], request["query"]), ("GET", "/orders/7", "page=2")
        )
        expected = ("allowed", "alice", "-", "-", key["key_id"], plan, "orders:read", "api_key")
        self.assertEqual(
            tuple(request["headers"][f"x-tollgate-{name}"] for name in IDENTITY_HEADERS), expected
        )
        self.assertNotIn("x-api-key", request["headers"])
        self.assertTrue(request["headers"]["x-request-id"])

    def test_valid_token_is_allowed_and_the_backend_receives_its_subject(self) -> None:
        plan = self.deployment.create_plan()
        token = self.deployment.token(
            plan=plan, email="alice@example.com", email_verified=True, scope="orders:read"
        )
        response = self.deployment.request("GET", "/orders", authorization=f"Bearer {token}")
        headers = response.json()["headers"]
        found = tuple(headers[f"x-tollgate-{name}"] for name in IDENTITY_HEADERS)
        self.assertEqual(
            found, ("allowed", "alice", "alice@example.com", "-", "-", plan, "orders:read", "jwt")
        )

    def test_forged_identity_headers_never_reach_the_backend(self) -> None:
        key = self.deployment.create_key(self.deployment.create_plan())["key"]
        forged = {f"x_tollgate_{name.replace('-', '_')}": "forged" for name in IDENTITY_HEADERS}
        protected = self.deployment.request("GET", "/orders", key, **forged).json()["headers"]
        public = self.deployment.request("GET", "/health", **forged).json()["headers"]
        for name in IDENTITY_HEADERS:
            self.assertNotEqual(protected[f"x-tollgate-{name}"], "forged", name)
            self.assertNotIn(f"x-tollgate-{name}", public)

    def test_missing_or_invalid_credentials_are_unauthorized(self) -> None:
        # The emulator turns every error of an authorizer into 500.
        self.assertIn(self.deployment.request("GET", "/orders").status, (401, 500))
        for headers in (
            {},
            {"x-api-key": f"unknown-{uuid.uuid4()}"},
            {"authorization": "Bearer a.b.c"},
        ):
            response, failed = self.deployment.invoke(
                "AuthorizerFunction", event("/orders", headers)
            )
            self.assertEqual(
                (response, failed),
                ({"errorType": "Unauthorized", "errorMessage": "Unauthorized"}, True),
            )

    def test_key_without_the_required_scope_is_forbidden(self) -> None:
        plan = self.deployment.create_plan()
        response = self.deployment.request(
            "GET", "/admin/users", self.deployment.create_key(plan)["key"]
        )
        self.assertEqual((response.status, response.json()), (403, {"message": "Forbidden"}))
        scoped = self.deployment.create_key(plan, scopes=["admin:read"])["key"]
        self.assertEqual(self.deployment.request("GET", "/admin/users", scoped).status, 200)

    def test_key_above_its_burst_is_forbidden_if_no_listener_rule_returns_429(self) -> None:
        plan = self.deployment.create_plan(throttle={"rate": 0.001, "burst": 3}, quotas=[])
        key = self.deployment.create_key(plan)["key"]
        self.assertEqual(
            [self.deployment.request("GET", "/orders", key).status for _ in range(5)],
            [200] * 3 + [403] * 2,
        )

    def test_used_up_quota_applies_to_every_path(self) -> None:
        key = self.deployment.create_key(
            self.deployment.create_plan(quotas=[{"limit": 2, "period": "month"}])
        )["key"]
        paths = ("/", "/orders", "/orders/7")
        self.assertEqual(
            [self.deployment.request("POST", path, key).status for path in paths], [200, 200, 403]
        )

    def test_default_routes_are_deployed_without_allowed_origins(self) -> None:
        api = self.deployment.emulator.client("apigatewayv2")
        routes = {
            route["RouteKey"]
            for route in api.get_routes(ApiId=self.deployment.resources["Api"])["Items"]
        }
        service_routes = {"ANY /{proxy+}", "ANY /", "OPTIONS /{proxy+}", "OPTIONS /", "GET /health"}
        tollgate_routes = {
            "ANY /_tollgate/v1/{proxy+}",
            "GET /_tollgate/usage",
            "GET /_tollgate/openapi.json",
            "ANY /bff/{proxy+}",
        }
        self.assertEqual(routes, service_routes | tollgate_routes)

    def test_public_routes_need_no_credentials(self) -> None:
        response = self.deployment.request("GET", "/health")
        self.assertEqual((response.status, response.json()["path"]), (200, "/health"))
        description = self.deployment.request("GET", "/_tollgate/openapi.json")
        self.assertTrue(description.json()["openapi"].startswith("3."))


def event(path: str, headers: dict[str, str]) -> dict:
    """Returns an authorizer event in payload format 2.0."""
    http = {
        "method": "GET",
        "path": path,
        "protocol": "HTTP/1.1",
        "sourceIp": "192.0.2.1",
        "userAgent": "tests",
    }
    context = {
        "http": http,
        "requestId": str(uuid.uuid4()),
        "routeKey": "ANY /{proxy+}",
        "stage": "$default",
    }
    return {
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:000000000000:api/$default/GET/",
        "identitySource": None,
        "routeKey": "ANY /{proxy+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": {"proxy": path.lstrip("/")},
        "requestContext": context,
    }
