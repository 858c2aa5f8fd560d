"""A rollback from this release to the one before it, with this one's items in the tables.

What happens: the release before serves and writes its items. This release takes over and writes all kinds of items:
plans with members that the other has never heard of, keys with names and earlier secrets, grants, refunds, weeks,
sliding windows, leases. Then the release before is put back, and then this one again.

What must hold: the release before decides every request. Whatever was used under this release is used under that one,
to the call: a bucket, a quota, a quota with a grant, a token's subject and an address that are used up stay so. Keys
that were made, rotated or disabled since are known as such. A caller whose plan has members that the release before
does not know is answered 503 and never passes: no limit is dropped in silence. This release, back again, has forgotten
nothing, of what it wrote itself nor of what the other did.

How to run it: `make drills`, or `PYTHONPATH=tests .venv-ministack/bin/python -m drills.rollback`. It builds the release
before from its commit, once.

What an operator does: roll the functions back (`sam deploy` of the earlier version, or CodeDeploy's own alarm does) and
leave the tables alone. Members of plans that are new in a release are used once no rollback behind it is wanted; where
some are used already, PUT those plans without them, before or after.
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
# What both releases know.
PLANS = {
    "quota": {"throttle": AMPLE, "quotas": [{"limit": LIMIT, "period": "month"}], "on_store_failure": "deny"},
    "bucket": {"throttle": EMPTYING, "on_store_failure": "deny"},
    "people": {"throttle": EMPTYING, "on_store_failure": "deny"},
    "anonymous": {"throttle": EMPTYING, "on_store_failure": "deny"},
}
# Written by the release before. A key of its has no place in the indexes: it works, and is not found by its id.
EARLY = {"early": {"throttle": EMPTYING, "on_store_failure": "deny"}}
# What only this release does; each but the lease admits four calls.
NEW_PLANS = {
    "weekly": {"quotas": [{"limit": 4, "period": "week", "time_zone": "Europe/Berlin"}]},
    "sliding": {"algorithm": "sliding_window", "window_s": 86400, "limit": 4},
    "together": {"throttle": EMPTYING, "shared_by_plan": True},
    "leased": {"throttle": AMPLE, "lease": 16, "quotas": [{"limit": 4, "period": "month"}]},
    "watching": {"throttle": EMPTYING, "shadow": True},
}
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
        return self.gateway(name, BINARY, PROJECT / "template.yaml", PLANS | NEW_PLANS)

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
    step("the release before")
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
        must(report["usage"] == [7, LIMIT + GRANT - 7], "7 are used, of either release", report["usage"])
        refund(gateway)
        must(world.admitted(gateway, "bucket", 6) == 4, "a bucket is emptied")
        must([world.person(gateway) for _ in range(5)] == [200] * 4 + [429], "and a user's")
        must([world.address(gateway) for _ in range(5)] == [200] * 4 + [429], "and an address's")
        for name in ("weekly", "sliding", "together", "leased"):
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
    step("the release before is put back")
    with world.gateway("back", previous.binary, previous.template, PLANS) as gateway:
        ready(gateway)
        left = LIMIT + GRANT - 7
        must(world.admitted(gateway, "quota", left + 5) == left, f"{left} calls are left of the quota and its grant")
        for name in ("bucket", "early"):
            must(world.admitted(gateway, name, 3) == 0, f"`{name}` is still used up")
        must((world.person(gateway), world.address(gateway)) == (429, 429), "and the user's, and the address's")
        statuses = [get(gateway.port, "/orders", made[name]).status for name in ("first", "second", "off")]
        must(statuses == [200, 200, 401], "a key that was made, its new secret, one that was disabled", statuses)
        statuses = [get(gateway.port, "/orders", made[name]).status for name in ENDED]
        must(statuses == [401, 401], "a secret that was rotated away, and a deleted key's", statuses)
        seen = len(world.backend.seen())
        statuses = {name: get(gateway.port, "/orders", key(name)).status for name in NEW_PLANS}
        must(set(statuses.values()) == {503}, "a plan that it does not understand is 503", statuses)
        must(len(world.backend.seen()) == seen, "and nobody on it passes")


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
        for name in ("bucket", "early", "weekly", "sliding", "together", "leased"):
            must(world.admitted(gateway, name, 3) == 0, f"`{name}` is still used up")
        must((world.person(gateway), world.address(gateway)) == (429, 429), "and the user's, and the address's")
        known = api(gateway, "GET", f"/keys/{made['id']}")
        must((known["name"], known["metadata"]) == ("A team", {"owner": "a team"}), "a key is as it was made")
        report = api(gateway, "GET", f"/keys/{made['id']}/usage")
        must(report["quotas"][0]["usage"][0] == 2, "and has the calls that the other release let pass")
        listed = {plan["name"] for plan in api(gateway, "GET", "/plans")["items"]}
        must(listed == set(PLANS | EARLY | NEW_PLANS), "all plans are there", sorted(listed))


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
