"""The authorizer: tokens, API keys, policies, plans and signing keys that change."""

import collections
import copy
import dataclasses
import json
import time
from typing import ClassVar

from harness.async_http import Request, response
from harness.events import default_settings
from harness.issuer import AUDIENCE, ISSUER, SigningKey
from soak.functions.workload import Invocation, Workload, encode, template
from soak.functions.world import World

POLICY_NAME = "soak"
# With it, the tokens of the warm-up take more than the authorizer's memory for tokens, 16 MiB.
PADDING = "x" * 1000
KEYS, SUBJECTS, KNOWN_TOKENS = 40, 20_000, 1_000
# Instances see a change of keys and plans within 30 s. Signing keys are fetched at most every 10 s.
REVOCATION_S, FETCH_S = 40, 15
UNAUTHORIZED = frozenset({"Unauthorized"})
ALLOWED = frozenset({"allowed"})
NO_RULE = "refused: no_rule"


def plan(version: int) -> dict:
    return {
        "throttle": {"rate": 1_000_000, "burst": 10_000_000},
        "quotas": [{"limit": 1_000_000_000 + version, "period": "month"}],
        "on_store_failure": "deny",
    }


@dataclasses.dataclass
class Signer:
    """A signing key: published in the key set since a time, and used some time after that."""

    key: SigningKey
    published: float


class AuthorizerWorkload(Workload):
    name: ClassVar[str] = "authorizer"
    # The policy is reloaded every five minutes: twice in this time.
    min_duration_s: ClassVar[float] = 660.0

    def __init__(self, seed: int, world: World, warm_up: int) -> None:
        super().__init__(seed, warm_up)
        self.world, self.key_sets = world, world.services(self._key_set)
        self.signers = [Signer(SigningKey("soak-0"), 0.0)]
        self.strangers = SigningKey("soak-unknown")
        self.keys: list[tuple[str, str]] = []
        self.revoked: collections.deque[tuple[float, str]] = collections.deque(maxlen=200)
        self.tokens: collections.deque[str] = collections.deque(maxlen=KNOWN_TOKENS)
        self.version = 0
        self.versions_in_force: set[int] = set()
        self.fetches = 0
        for example in self.examples:
            # Most examples are charged to small plans, which they use up.
            if "allowed" in example.expected:
                example.expected = frozenset({*example.expected, "throttled"})
        self.copy = template("authorizer.allowed")
        self.kinds = {
            self._new_token: 30,
            self._known_token: 15,
            self._api_key: 20,
            self._revoked_key: 5,
            self._unknown_key: 5,
            self._forged_token: 3,
            self._unknown_signer: 2,
            self._policy_version: 5,
            self.example: 15,
        }

    def settings(self) -> dict[str, str]:
        return {**self.world.settings(), "AUTH_POLICY": f"table:{POLICY_NAME}"}

    async def __aenter__(self) -> "AuthorizerWorkload":
        await self.key_sets.__aenter__()
        await self._put_documents()
        for number in range(KEYS):
            made = await self.world.administer(
                "POST", "/keys", {"name": str(number), "plan": "soak"}
            )
            self.keys.append((made["key_id"], made["key"]))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.key_sets.__aexit__()

    def invocation(self, number: int) -> Invocation:
        # New tokens of different callers fill every cache during the warm-up.
        if len(self.examples) <= number < self.warm_up:
            return self._new_token(number)
        if number < len(self.examples):
            return self.examples[number]
        return self.dice.choices(list(self.kinds), list(self.kinds.values()))[0]()

    async def rotate(self) -> None:
        self.version += 1
        await self._put_documents()
        await self._rotate_key()
        self._rotate_signer()

    def final_errors(self) -> list[str]:
        errors = []
        if self.version and self.versions_in_force <= {0} and self._ran_long_enough():
            errors.append(f"of {self.version} policy versions, only the first was ever in force")
        self.rotations["policy versions in force"] = len(self.versions_in_force)
        self.rotations["fetches of signing keys"] = self.fetches
        return errors

    def _ran_long_enough(self) -> bool:
        return self.version * self.rotation_pause_s > self.min_duration_s / 2 + 30

    async def _put_documents(self) -> None:
        await self.world.administer("PUT", f"/policies/{POLICY_NAME}", self._policy())
        await self.world.administer("PUT", "/plans/soak", plan(self.version))
        self.rotations["policies"] += 1
        self.rotations["plans"] += 1

    def _policy(self) -> dict:
        policy = copy.deepcopy(json.loads(default_settings("authorizer")["AUTH_POLICY"]))
        policy["issuers"].append(
            {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "jwks_uri": f"{self.key_sets.url}/jwks.json",
                "default_plan": "soak",
            }
        )
        policy["rules"] += [
            {"match": "GET /items/{id}", "auth": "any"},
            {"match": f"GET /versions/{self.version}", "auth": "any"},
        ]
        return policy

    async def _rotate_key(self) -> None:
        index = self.dice.randrange(len(self.keys))
        key_id, secret = self.keys[index]
        made = await self.world.administer("POST", f"/keys/{key_id}/rotate", {"grace_s": 0})
        self.keys[index] = (key_id, made["key"])
        self.revoked.append((time.monotonic(), secret))
        self.rotations["keys"] += 1

    def _rotate_signer(self) -> None:
        """Publishes a new key, and withdraws the oldest one once its successor is in use."""
        now = time.monotonic()
        self.signers.append(Signer(SigningKey(f"soak-{self.version}"), now))
        self.rotations["signing keys"] += 1
        while len(self.signers) > 2 and now - self.signers[1].published > 2 * FETCH_S:
            self.signers.pop(0)
            self.tokens.clear()

    def _signer(self) -> SigningKey:
        usable = [it for it in self.signers if time.monotonic() - it.published > FETCH_S]
        return (usable or self.signers[:1])[-1].key

    async def _key_set(self, _: Request) -> bytes:
        self.fetches += 1
        return response(200, encode({"keys": [it.key.jwk() for it in self.signers]}))

    def _event(self, case: str, expected: frozenset[str], path: str, **headers: str) -> Invocation:
        document = self.copy()
        del document["headers"]["x-api-key"]
        document["headers"] |= {name.replace("_", "-"): text for name, text in headers.items()}
        document["rawPath"] = document["requestContext"]["http"]["path"] = path
        document["pathParameters"]["proxy"] = path.removeprefix("/")
        return Invocation(case, encode(document), expected)

    def _item(self) -> str:
        return f"/items/{self.dice.randrange(1_000_000)}"

    def _token(self, case: str, token: str, expected: frozenset[str]) -> Invocation:
        return self._event(case, expected, self._item(), authorization=f"Bearer {token}")

    def _new_token(self, subject: int | None = None) -> Invocation:
        subject = self.dice.randrange(SUBJECTS) if subject is None else subject
        token = self._signer().token(f"user-{subject}", padding=PADDING)
        self.tokens.append(token)
        return self._token("new token", token, ALLOWED)

    def _known_token(self) -> Invocation:
        if not self.tokens:
            return self._new_token()
        return self._token("known token", self.dice.choice(self.tokens), ALLOWED)

    def _forged_token(self) -> Invocation:
        token = self._signer().token("mallory")[:-8] + "AAAAAAAA"
        return self._token("forged token", token, UNAUTHORIZED)

    def _unknown_signer(self) -> Invocation:
        return self._token("unknown signing key", self.strangers.token("mallory"), UNAUTHORIZED)

    def _api_key(self) -> Invocation:
        secret = self.dice.choice(self.keys)[1]
        return self._event("API key", ALLOWED, self._item(), x_api_key=secret)

    def _revoked_key(self) -> Invocation:
        latest = time.monotonic() - REVOCATION_S
        secrets = [secret for revoked, secret in self.revoked if revoked < latest]
        if not secrets:
            return self._unknown_key()
        secret = self.dice.choice(secrets)
        return self._event("revoked key", UNAUTHORIZED, self._item(), x_api_key=secret)

    def _unknown_key(self) -> Invocation:
        secret = f"soak-unknown-{self.dice.getrandbits(64):020}"
        return self._event("unknown key", UNAUTHORIZED, self._item(), x_api_key=secret)

    def _policy_version(self) -> Invocation:
        """Calls a route that only one version of the policy has."""
        version = self.dice.randint(0, self.version)

        def note(answer: dict) -> None:
            if answer["isAuthorized"]:
                self.versions_in_force.add(version)

        secret = self.dice.choice(self.keys)[1]
        invocation = self._event(
            "policy version", ALLOWED | {NO_RULE}, f"/versions/{version}", x_api_key=secret
        )
        invocation.then = note
        return invocation
