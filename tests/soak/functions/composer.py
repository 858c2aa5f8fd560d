"""The composer: callers, fields, compositions that change, and services that fail."""

import asyncio
import json
from typing import ClassVar

from harness.async_http import Request, response
from harness.events import default_settings
from soak.functions.workload import Invocation, Workload, encode, template
from soak.functions.world import World

DOCUMENT_NAME = "soak"
USERS = 20_000
LARGE_BODY = encode({"items": ["x" * 1000] * 300})
COMPLETE, PARTIAL = frozenset({"200"}), frozenset({"206"})
# A part that fails is missing. So is one whose circuit breaker is open.
COMPLETE_OR_PARTIAL = COMPLETE | PARTIAL
SLOW_S = 0.3


class ComposerWorkload(Workload):
    name: ClassVar[str] = "composer"
    # The compositions are reloaded every five minutes: twice in this time.
    min_duration_s: ClassVar[float] = 660.0
    # Their services are available here.
    unused_examples: ClassVar[frozenset[str]] = frozenset({"composer.partial", "composer.required"})

    def __init__(self, seed: int, world: World, warm_up: int) -> None:
        super().__init__(seed, warm_up)
        self.world, self.services = world, world.services(self._respond)
        self.version = 0
        self.versions_in_force: set[int] = set()
        self.copy = template("composer.partial")
        self.kinds = {
            self._dashboard: 40,
            self._fields: 10,
            self._profile: 15,
            self._large: 3,
            self._flaky: 12,
            self._slow: 1,
            self._charged: 9,
            self.example: 10,
        }

    def settings(self) -> dict[str, str]:
        policy = json.loads(default_settings("composer")["AUTH_POLICY"])
        policy["rules"].append({"match": "ANY /{proxy+}", "auth": "any"})
        return {
            **self.world.settings(),
            "AUTH_POLICY": json.dumps(policy),
            "COMPOSITIONS": f"table:{DOCUMENT_NAME}",
            "BACKEND_URL": self.services.url,
        }

    async def __aenter__(self) -> "ComposerWorkload":
        await self.services.__aenter__()
        await self._put_document()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.services.__aexit__()

    def invocation(self, number: int) -> Invocation:
        if number < len(self.examples):
            return self.examples[number]
        # Charges of different callers fill the memory of their usage during the warm-up.
        if number < self.warm_up:
            return self._charged(number)
        return self.dice.choices(list(self.kinds), list(self.kinds.values()))[0]()

    async def rotate(self) -> None:
        self.version += 1
        await self._put_document()

    def final_errors(self) -> list[str]:
        self.rotations["compositions in force"] = len(self.versions_in_force)
        is_long = self.version * self.rotation_pause_s > self.min_duration_s / 2 + 30
        if is_long and self.versions_in_force <= {0}:
            return [f"of {self.version} compositions, only the first was ever in force"]
        return []

    async def _put_document(self) -> None:
        await self.world.administer("PUT", f"/compositions/{DOCUMENT_NAME}", self._document())
        self.rotations["compositions"] += 1

    def _document(self) -> dict:
        flaky, slow = ({"url": f"{self.services.url}/{name}"} for name in ("flaky", "slow"))
        user = {"get": "/users/{user_id}", "fallback": {"name": "User"}}
        orders = {"get": "/orders?user_id={user_id}", "fallback": {"items": []}}
        version = {"get": "/absent/{user_id}", "fallback": {"version": self.version}}
        routes = {
            "dashboard": {
                "parts": {"user": user, "orders": orders},
                "fields_parameter": "fields",
            },
            "profile": {"parts": {"user": {"get": "/users/{user_id}", "required": True}}},
            "large": {"parts": {"items": {"get": "/large"}}},
            "flaky": {"parts": {"user": user, "flaky": {"get": "/{user_id}", "service": "flaky"}}},
            "slow": {
                "parts": {"user": user, "slow": {"get": "/", "service": "slow", "timeout_ms": 50}}
            },
            "charged": {"parts": {"orders": {**orders, "charged": True}, "absent": version}},
            # Its path is in `AUTH_POLICY`, whose rule needs a scope.
            "reports": {"parts": {"reports": {"get": "/admin/reports", "required": True}}},
        }
        return {
            "services": {"flaky": flaky, "slow": slow},
            "routes": {f"GET /bff/{name}": route for name, route in routes.items()},
        }

    async def _respond(self, request: Request) -> bytes | None:
        path = request.path.partition("?")[0]
        if path.startswith("/absent/"):
            return response(404, b"{}")
        if path.startswith("/flaky/"):
            return self._fail(int(path.rpartition("-")[2]))
        if path.startswith("/slow/"):
            await asyncio.sleep(SLOW_S)
        return response(200, LARGE_BODY if path == "/large" else b'{"items":[],"name":"Ann"}')

    @staticmethod
    def _fail(number: int) -> bytes | None:
        """Returns a different failure for each user, and sometimes a good response."""
        answers = [
            response(200, b'{"flaky":true}'),
            response(500, b"{}"),
            response(503, b"{}", retry_after="1"),
            response(200, b"{not json"),
            response(200, b"text", "text/plain"),
            None,
        ]
        return answers[number % len(answers)]

    def _call(
        self,
        route: str,
        expected: frozenset[str],
        fields: str = "",
        caller: int | None = None,
    ) -> Invocation:
        document = self.copy()
        document["rawPath"] = document["requestContext"]["http"]["path"] = f"/bff/{route}"
        document["pathParameters"]["proxy"] = route
        if fields:
            document["rawQueryString"] = f"fields={fields}"
            document["queryStringParameters"] = {"fields": fields}
        context = document["requestContext"]["authorizer"]["lambda"]
        context["user_id"] = f"user-{self.dice.randrange(USERS)}"
        key = self.dice.randrange(USERS) if caller is None else caller
        context["key_id"] = f"key-{key}"
        context["caller"] = f"key#{context['key_id']}"
        context["plan"] = "soak"
        return Invocation(route, encode(document), expected)

    def _dashboard(self) -> Invocation:
        return self._call("dashboard", COMPLETE)

    def _fields(self) -> Invocation:
        return self._call("dashboard", COMPLETE, self.dice.choice(["user", "user,orders(items)"]))

    def _profile(self) -> Invocation:
        return self._call("profile", COMPLETE)

    def _large(self) -> Invocation:
        return self._call("large", COMPLETE)

    def _flaky(self) -> Invocation:
        return self._call("flaky", COMPLETE_OR_PARTIAL)

    def _slow(self) -> Invocation:
        return self._call("slow", PARTIAL)

    def _charged(self, caller: int | None = None) -> Invocation:
        invocation = self._call("charged", PARTIAL, caller=caller)

        def note(answer: dict) -> None:
            self.versions_in_force.add(json.loads(answer["body"])["absent"]["version"])

        invocation.then = note
        return invocation
