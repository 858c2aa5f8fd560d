"""Rolls this release back to the previous one while the tables contain items that this one wrote.

What happens: the previous release serves requests and writes its items. This release takes over and writes every kind
of item: keys with names and rotated secrets, grants, refunds, weekly quotas, sliding windows, leases. Then the previous
release is put back, and after it this one again.

What must hold: the previous release decides every request. Usage that this release counted is still counted: a bucket,
a quota, a quota with a grant, a token's subject and an IP address that were used up stay used up. Keys that were
created, rotated, disabled or deleted in the meantime are known as such. Back again, this release has lost nothing that
either release wrote.

How to run it: `make drills`, or `PYTHONPATH=tests .venv-ministack/bin/python -m drills.rollback`. The first run builds
the previous release from its commit.

What an operator does: roll the functions back (`sam deploy` of the earlier version, or the alarm of CodeDeploy does so)
and leave the tables alone.
"""

import secrets

from rig import drill
from rig.backend import Backend
from rig.client import call, get
from rig.drill import must, step
from rig.gateway import BINARY, Gateway
from rig.issuer import Issuer, SigningKey
from rig.processes import PROJECT, Ministack, wait_until

from drills.previous import Previous

AMPLE = {"rate": 1000, "burst": 100000}
EMPTYING = {"rate": 0.0001, "burst": 4}
LIMIT, GRANT = 20, 5
PLANS = {
    "quota": {"throttle": AMPLE, "quotas": [{"limit": LIMIT, "period": "month"}], "on_store_failure": "deny"},
    "bucket": {"throttle": EMPTYING, "on_store_failure": "deny"},
    "people": {"throttle": EMPTYING, "on_store_failure": "deny"},
    "anonymous": {"throttle": EMPTYING, "on_store_failure": "deny"},
    "weekly": {"quotas": [{"limit": 4, "period": "week", "time_zone": "Europe/Berlin"}]},
    "sliding": {"algorithm": "sliding_window", "window_s": 86400, "limit": 4},
    "together": {"throttle": EMPTYING, "shared_by_plan": True},
    "leased": {"throttle": AMPLE, "lease": 16, "quotas": [{"limit": 4, "period": "month"}]},
    "watching": {"throttle": EMPTYING, "shadow": True},
}
# Each admits four calls before it is used up.
FOUR_CALLS = ("weekly", "sliding", "together", "leased")
# Written by the previous release alone.
EARLY = {"early": {"throttle": EMPTYING, "on_store_failure": "deny"}}
# Keys whose secrets end under this release.
ENDED = ("ended", "deleted")


def key(name: str) -> str:
    return f"drill-key-000000-{name}"


def seeds(plans: dict) -> dict:
    return {"plans": plans, "keys": [{"key": key(plan), "key_id": plan, "plan": plan} for plan in plans]}


class World:
    """One store, and whichever release serves over it."""

    def __init__(self, path, store, backend, issuer, signing):
        self.path, self.store, self.backend, self.issuer, self.signing = path, store, backend, issuer, signing
        self.policy = issuer.policy()
        login = {"match": "POST /login", "auth": "none", "plan": "anonymous", "limit_by": "ip"}
        self.policy["rules"].append(login)

    def gateway(self, name: str, binary, template, plans: dict) -> Gateway:
        # A charge that is given up at a deadline may have been made: here each has its answer.
        options = {"parameters": {"DecisionDeadlineMs": 5000}, "binary": binary, "template": template}
        addresses = {"endpoint": self.store.url, "backend": self.backend.url}
        return Gateway(self.path, name, seeds(plans), self.policy, **addresses, **options)

    def this(self, name: str) -> Gateway:
        return self.gateway(name, BINARY, PROJECT / "template.yaml", PLANS)

    def admitted(self, gateway: Gateway, name: str, calls: int) -> int:
        """How many of so many calls pass; all others are 429."""
        statuses = [get(gateway.port, "/orders", key(name)).status for _ in range(calls)]
        must(set(statuses) <= {200, 429}, f"every call of `{name}` is decided", set(statuses))
        return statuses.count(200)

    def person(self, gateway: Gateway) -> int:
        return get(gateway.port, "/orders", token=self.issuer.token(self.signing, "user")).status

    def address(self, gateway: Gateway) -> int:
        return call(gateway.port, "POST", "/login").status


def rolled_back(path):
    previous = Previous()
    previous.build()
    signing = SigningKey("first")
    with Ministack(path) as store, Backend(path) as backend, Issuer(signing) as issuer:
        world = World(path, store, backend, issuer, signing)
        # As the template makes them, with the indexes that this release asks for.
        world.this("tables").kill()
        before(world, previous)
        made = taken_over(world)
        put_back(world, previous, made)
        again(world, made)


def before(world: World, previous: Previous):
    step("the previous release")
    with world.gateway("before", previous.binary, previous.template, EARLY) as gateway:
        ready(gateway)
        must(world.admitted(gateway, "quota", 3) == 3, "3 calls of the quota")
        must(world.admitted(gateway, "early", 3) == 3, "3 calls of a plan and a key of its own")


def taken_over(world: World) -> dict:
    step("this release")
    with world.this("this") as gateway:
        ready(gateway)
        must(world.admitted(gateway, "quota", 4) == 4, "4 more calls of the quota")
        must(world.admitted(gateway, "early", 3) == 1, "the fourth of the other's key, and no fifth")
        report = api(gateway, "PATCH", "/keys/quota/usage", {"quota": "month", "grant": GRANT})
        must(report["usage"] == [7, LIMIT + GRANT - 7], "7 calls are counted, of both releases", report["usage"])
        refund(gateway)
        must(world.admitted(gateway, "bucket", 6) == 4, "a bucket is emptied")
        must([world.person(gateway) for _ in range(5)] == [200] * 4 + [429], "and a user's")
        must([world.address(gateway) for _ in range(5)] == [200] * 4 + [429], "and an address's")
        for name in FOUR_CALLS:
            must(world.admitted(gateway, name, 6) == 4, f"and `{name}`")
        must(world.admitted(gateway, "watching", 6) == 6, "a plan in shadow refuses nothing")
        return administrate(gateway)


def refund(gateway: Gateway):
    charge = api(gateway, "POST", "/decisions", {"key": key("quota")})["charge"]
    api(gateway, "POST", "/decisions", {"mode": "refund", "charge": charge})
    report = api(gateway, "GET", "/keys/quota/usage")
    must(report["quotas"][0]["usage"][0] == 7, "a call was given back", report["quotas"][0]["usage"])


def administrate(gateway: Gateway) -> dict:
    """Keys as only this release makes them."""
    body = {"name": "A team", "plan": "quota", "metadata": {"owner": "a team"}, "scopes": ["orders:read"]}
    made = api(gateway, "POST", "/keys", body)
    rotated = api(gateway, "POST", f"/keys/{made['key_id']}/rotate", {"grace_s": 86400})
    off = api(gateway, "POST", "/keys", {"plan": "quota"})
    api(gateway, "PATCH", f"/keys/{off['key_id']}", {"enabled": False})
    ended = api(gateway, "POST", "/keys", {"plan": "quota"})
    api(gateway, "POST", f"/keys/{ended['key_id']}/rotate", {"grace_s": 0})
    deleted = api(gateway, "POST", "/keys", {"plan": "quota"})
    must(call(gateway.port, "DELETE", f"/_tollgate/v1/keys/{deleted['key_id']}").status == 204, "a key is deleted")
    names = {"first": made, "second": rotated, "off": off, "ended": ended, "deleted": deleted}
    return {"id": made["key_id"]} | {name: key["key"] for name, key in names.items()}


def put_back(world: World, previous: Previous, made: dict):
    step("the previous release is put back")
    with world.gateway("back", previous.binary, previous.template, PLANS) as gateway:
        ready(gateway)
        left = LIMIT + GRANT - 7
        must(world.admitted(gateway, "quota", left + 5) == left, f"{left} calls are left of the quota and its grant")
        for name in ("bucket", "early", *FOUR_CALLS):
            must(world.admitted(gateway, name, 3) == 0, f"`{name}` is still used up")
        must((world.person(gateway), world.address(gateway)) == (429, 429), "and the user's, and the address's")
        statuses = [get(gateway.port, "/orders", made[name]).status for name in ("first", "second", "off")]
        must(statuses == [200, 200, 401], "a key that was made, its new secret, one that was disabled", statuses)
        statuses = [get(gateway.port, "/orders", made[name]).status for name in ENDED]
        must(statuses == [401, 401], "a secret that was rotated away, and a deleted key's", statuses)
        must(world.admitted(gateway, "watching", 6) == 6, "a plan in shadow mode refuses nothing")


def ended_secrets_stay_ended(gateway: Gateway, made: dict):
    """Neither by themselves nor by an import of a file do they work again."""
    secrets_ended = [made[name] for name in ENDED]
    rows = "".join(f"back,{secret}\n" for secret in secrets_ended).encode()
    headers = {"content-type": "text/csv"}
    answer = call(gateway.port, "POST", "/_tollgate/v1/keys/import?plan=quota", headers, b"Name,Key\n" + rows)
    must(answer.json()["rejected"] == 2, "an import rejects ended secrets", answer.body[:300])
    statuses = [get(gateway.port, "/orders", secret).status for secret in secrets_ended]
    must(statuses == [401, 401], "a secret that was ended, and a deleted key's", statuses)


def again(world: World, made: dict):
    step("this release again")
    with world.this("again") as gateway:
        ready(gateway)
        ended_secrets_stay_ended(gateway, made)
        used = LIMIT + GRANT
        must(world.admitted(gateway, "quota", 3) == 0, "the quota is used up")
        report = api(gateway, "GET", "/keys/quota/usage")
        must(report["quotas"][0]["usage"] == [used, 0], f"{used} calls, of both releases", report["quotas"][0]["usage"])
        days = sum(day["used"] for day in report["days"])
        must(days == used, "day by day as well", days)
        for name in ("bucket", "early", *FOUR_CALLS):
            must(world.admitted(gateway, name, 3) == 0, f"`{name}` is still used up")
        must((world.person(gateway), world.address(gateway)) == (429, 429), "and the user's, and the address's")
        known = api(gateway, "GET", f"/keys/{made['id']}")
        must((known["name"], known["metadata"]) == ("A team", {"owner": "a team"}), "a key is as it was made")
        report = api(gateway, "GET", f"/keys/{made['id']}/usage")
        must(report["quotas"][0]["usage"][0] == 2, "and has the calls that the previous release admitted")
        listed = {plan["name"] for plan in api(gateway, "GET", "/plans")["items"]}
        must(listed == set(PLANS | EARLY), "all plans are there", sorted(listed))


def ready(gateway: Gateway):
    """Connections are open and keys of the issuer are there: a call without a good token says so."""
    wait_until(lambda: get(gateway.port, "/orders").status == 401, 30, "the gateway answers")


def api(gateway: Gateway, method: str, path: str, body=None):
    """An administrator's request, which is repeated under one name while the store is too slow for an answer."""
    once = {"idempotency-key": secrets.token_hex(16)}
    answers = []
    while len(answers) < 5 and (not answers or answers[-1].status == 503):
        answers.append(call(gateway.port, method, f"/_tollgate/v1{path}", once, body))
    answer = answers[-1]
    must(answer.status in (200, 201), f"{method} {path}", f"{answer.status} {answer.body[:300]!r}")
    return answer.json()


if __name__ == "__main__":
    drill.run("rollback", rolled_back)
