"""The limiter: keys, plans and policies that change, decisions and reports."""

import json
from typing import ClassVar

from soak.functions.workload import Invocation, Workload, encode, template
from soak.functions.world import World

# Few enough that each of them calls several times during the warm-up. Their entries are replaced with
# each call, and the memory of the allocator is only then as fragmented as it stays.
SUBJECTS = 2_000
# Keys are made up to this number and deleted above it.
KEYS = 150
OK, CREATED = frozenset({"200"}), frozenset({"201"})
WRITTEN = OK | CREATED


class LimiterWorkload(Workload):
    name: ClassVar[str] = "limiter"

    def __init__(self, seed: int, world: World, warm_up: int) -> None:
        super().__init__(seed, warm_up)
        self.world, self.keys, self.deleted, self.versions = world, [], ["missing"], 0
        for example in self.examples:
            # It creates the plan once, and replaces it from then on.
            if example.case == "limiter.put-plan":
                example.expected = WRITTEN
        self.copy = template("limiter.create-key")
        self.kinds = {
            self._decide: 40,
            self._create_or_delete_key: 14,
            self._read_key: 8,
            self._change_key: 5,
            self._rotate_key: 5,
            self._read_usage: 6,
            self._list: 5,
            self._export: 0.2,
            self._put_plan: 3,
            self._put_policy: 2,
            self._invalid: 4,
            # A read of a missing key is repeated for 0.4 s, because the key may be new.
            self._missing: 0.5,
            self.example: 5,
        }

    def settings(self) -> dict[str, str]:
        return self.world.settings()

    async def __aenter__(self) -> "LimiterWorkload":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def invocation(self, number: int) -> Invocation:
        if number < len(self.examples):
            return self.examples[number]
        if number < len(self.examples) + KEYS:
            return self._create_key()
        # Decisions on different subjects fill the memory of their usage during the warm-up.
        if number < self.warm_up:
            return self._decide(number % SUBJECTS)
        return self.dice.choices(list(self.kinds), list(self.kinds.values()))[0]()

    def _call(
        self,
        method: str,
        path: str,
        expected: frozenset[str],
        body: object = None,
        query: str = "",
    ) -> Invocation:
        document = self.copy()
        full_path = f"/_tollgate/v1/{path}"
        document["rawPath"] = full_path
        document["requestContext"]["http"] |= {"method": method, "path": full_path}
        document["pathParameters"]["proxy"] = path
        document["rawQueryString"] = query
        document["body"] = body if isinstance(body, str) else json.dumps(body)
        if body is None:
            del document["body"]
        return Invocation(f"{method} {path}", encode(document), expected)

    def _decide(self, subject: int | None = None) -> Invocation:
        subject = self.dice.randrange(SUBJECTS) if subject is None else subject
        body = {"subject": f"subject-{subject}", "plan": "soak", "route": "GET /orders"}
        return self._call("POST", "decisions", OK, body)

    def _create_or_delete_key(self) -> Invocation:
        return self._create_key() if len(self.keys) < KEYS else self._delete_key()

    def _create_key(self) -> Invocation:
        body = {"name": f"key {self.dice.randrange(10**6)}", "plan": "soak", "scopes": ["a:read"]}
        invocation = self._call("POST", "keys", CREATED, body)

        def note(answer: dict) -> None:
            self.keys.append(json.loads(answer["body"])["key_id"])
            self.rotations["keys made"] += 1

        invocation.then = note
        return invocation

    def _delete_key(self) -> Invocation:
        key_id = self.keys.pop(self.dice.randrange(len(self.keys)))
        self.deleted = [*self.deleted[-50:], key_id]
        self.rotations["keys deleted"] += 1
        return self._call("DELETE", f"keys/{key_id}", frozenset({"204"}))

    def _key(self) -> str:
        return f"keys/{self.dice.choice(self.keys)}"

    def _read_key(self) -> Invocation:
        return self._call("GET", self._key(), OK)

    def _change_key(self) -> Invocation:
        body = {"description": "x" * self.dice.randrange(1000), "metadata": {"a": "b"}}
        return self._call("PATCH", self._key(), OK, body)

    def _rotate_key(self) -> Invocation:
        self.rotations["secrets rotated"] += 1
        return self._call("POST", f"{self._key()}/rotate", OK, {"grace_s": 0})

    def _read_usage(self) -> Invocation:
        return self._call("GET", f"{self._key()}/usage", OK)

    def _list(self) -> Invocation:
        path, query = self.dice.choice(
            [("keys", "limit=20"), ("keys", "plan=soak&limit=10"), ("plans", ""), ("policies", "")]
        )
        return self._call("GET", path, OK, query=query)

    def _export(self) -> Invocation:
        return self._call("GET", "keys/export", OK)

    def _put_plan(self) -> Invocation:
        self.versions += 1
        self.rotations["plan versions"] += 1
        plan = {
            "throttle": {"rate": 1_000_000, "burst": 10_000_000},
            "quotas": [{"limit": 1_000_000_000 + self.versions, "period": "month"}],
            "on_store_failure": "deny",
        }
        return self._call("PUT", "plans/soak", WRITTEN, plan)

    def _put_policy(self) -> Invocation:
        self.versions += 1
        self.rotations["policy versions"] += 1
        rules = [{"match": f"GET /versions/{self.versions}", "auth": "any"}]
        return self._call("PUT", "policies/soak", WRITTEN, {"rules": rules})

    def _invalid(self) -> Invocation:
        return self.dice.choice(
            [
                self._call("POST", "keys", frozenset({"400"}), "{not json"),
                self._call("POST", "keys", frozenset({"422"}), {"name": "no plan"}),
                self._call("PUT", "plans/soak", frozenset({"422"}), {"throttle": {"rate": -1}}),
                self._call("PUT", "policies/soak", frozenset({"422"}), {"rules": [{}]}),
            ]
        )

    def _missing(self) -> Invocation:
        path = f"keys/{self.dice.choice(self.deleted)}"
        return self._call("GET", path, frozenset({"404"}))
