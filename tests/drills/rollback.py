"""A release is rolled back while the tables contain items that it wrote.

Scenario: the previous release serves requests and writes its items. This release takes over and
writes every kind of item: keys with names and rotated secrets, grants, refunds, weekly quotas,
sliding windows, leases, and items with fields that the previous release does not know. Then the
previous release is deployed again, and after it this one.

Expected: the previous release decides every request. Usage that this release counted is still
counted: a bucket, a quota, a quota with a grant, a token's subject and an IP address that were used
up stay used up. Keys that were created, rotated, disabled or deleted in the meantime are known as
such. Keys and plans with a restriction that it does not know admit no call, and no other key is
affected. When this release is back, nothing that either release wrote is lost.

How to run it: `make drills`, or `PYTHONPATH=tests .venv/bin/python -m drills.rollback`. The first
run builds the previous release from its commit.

What an operator does: roll the functions back (`sam deploy` of the earlier version, or CodeDeploy's
alarm does it) and leave the tables as they are.
"""

import pathlib

from drills import drill, new_items
from drills.administration import api
from drills.drill import check, step
from drills.previous_release import PreviousRelease
from harness.client import call, get
from harness.emulator import Ministack
from harness.gateway import Gateway
from harness.issuer import Issuer, SigningKey
from harness.paths import GATEWAY, PROJECT
from harness.processes import wait_until
from harness.recording_backend import RecordingBackend

AMPLE = {"rate": 1000, "burst": 100000}
FOUR_CALL_BUCKET = {"rate": 0.0001, "burst": 4}
LIMIT, GRANT = 20, 5
PLANS = {
    "quota": {
        "throttle": AMPLE,
        "quotas": [{"limit": LIMIT, "period": "month"}],
        "on_store_failure": "deny",
    },
    "bucket": {"throttle": FOUR_CALL_BUCKET, "on_store_failure": "deny"},
    "people": {"throttle": FOUR_CALL_BUCKET, "on_store_failure": "deny"},
    "anonymous": {"throttle": FOUR_CALL_BUCKET, "on_store_failure": "deny"},
    "weekly": {"quotas": [{"limit": 4, "period": "week", "time_zone": "Europe/Berlin"}]},
    "sliding": {"algorithm": "sliding_window", "window_s": 86400, "limit": 4},
    "together": {"throttle": FOUR_CALL_BUCKET, "shared_by_plan": True},
    "leased": {"throttle": AMPLE, "lease": 16, "quotas": [{"limit": 4, "period": "month"}]},
    "watching": {"throttle": FOUR_CALL_BUCKET, "shadow": True},
}
# Plans that admit four calls.
FOUR_CALL_PLANS = ("weekly", "sliding", "together", "leased")
# The plan and the key that only the previous release wrote.
EARLY_PLANS = {"early": {"throttle": FOUR_CALL_BUCKET, "on_store_failure": "deny"}}
# Keys whose first secrets are revoked by this release.
REVOKED = ("ended", "deleted")


def key(name: str) -> str:
    return f"drill-key-000000-{name}"


def seeds(plans: dict) -> dict:
    return {
        "plans": plans,
        "keys": [{"key": key(plan), "key_id": plan, "plan": plan} for plan in plans],
    }


class Releases:
    """Starts gateways of either release on one store."""

    def __init__(
        self,
        path: pathlib.Path,
        store: Ministack,
        backend: RecordingBackend,
        issuer: Issuer,
        signing_key: SigningKey,
        previous: PreviousRelease,
    ) -> None:
        self.path, self.signing_key, self.previous = path, signing_key, previous
        self.addresses = {"endpoint": store.url, "backend": backend.url}
        self.policy = issuer.policy()
        login = {"match": "POST /login", "auth": "none", "plan": "anonymous", "limit_by": "ip"}
        self.policy["rules"].append(login)

    def start_previous(self, name: str, plans: dict) -> Gateway:
        return self._start(name, self.previous.binary, self.previous.template, plans)

    def start_current(self, name: str) -> Gateway:
        return self._start(name, GATEWAY, PROJECT / "template.yaml", PLANS)

    def _start(
        self, name: str, binary: pathlib.Path, template: pathlib.Path, plans: dict
    ) -> Gateway:
        # With a short deadline, a charge could be applied although its call timed out.
        options = {
            "parameters": {"DecisionDeadlineMs": 5000},
            "binary": binary,
            "template": template,
        }
        return Gateway(self.path, name, seeds(plans), self.policy, **self.addresses, **options)

    def admitted(self, gateway: Gateway, name: str, calls: int) -> int:
        """Makes calls with a key and returns how many were admitted. All others must be 429."""
        statuses = [get(gateway.port, "/orders", key(name)).status for _ in range(calls)]
        check(set(statuses) <= {200, 429}, f"every call of `{name}` is decided", set(statuses))
        return statuses.count(200)

    def user_status(self, gateway: Gateway) -> int:
        return get(gateway.port, "/orders", token=self.signing_key.token("user")).status

    def address_status(self, gateway: Gateway) -> int:
        return call(gateway.port, "POST", "/login").status


def rollback(path: pathlib.Path) -> None:
    previous = PreviousRelease()
    previous.build()
    signing_key = SigningKey("first")

    with Ministack(path) as store, RecordingBackend(path) as backend, Issuer(signing_key) as issuer:
        releases = Releases(path, store, backend, issuer, signing_key, previous)
        # This release creates the tables, with the indexes that it needs.
        releases.start_current("tables").kill()

        use_previous_release(releases)
        created = use_this_release(releases)
        check_rollback(releases, created)
        check_second_update(releases, created)


def use_previous_release(releases: Releases) -> None:
    step("the previous release")
    with releases.start_previous("before", EARLY_PLANS) as gateway:
        wait_for_gateway(gateway)
        check(releases.admitted(gateway, "quota", 3) == 3, "3 calls of the quota are admitted")
        check(releases.admitted(gateway, "early", 3) == 3, "3 calls of the early plan are admitted")


def use_this_release(releases: Releases) -> dict:
    step("this release")
    with releases.start_current("this") as gateway:
        wait_for_gateway(gateway)
        check(releases.admitted(gateway, "quota", 4) == 4, "4 more calls of the quota are admitted")
        check(releases.admitted(gateway, "early", 3) == 1, "the early plan has one call left")

        report = api(gateway, "PATCH", "/keys/quota/usage", {"quota": "month", "grant": GRANT})
        check(
            report["usage"] == [7, LIMIT + GRANT - 7],
            "the calls of both releases are counted",
            report["usage"],
        )
        refund_one_call(gateway)

        check(releases.admitted(gateway, "bucket", 6) == 4, "a key's bucket is used up")
        users = [releases.user_status(gateway) for _ in range(5)]
        check(users == [200] * 4 + [429], "a user's bucket is used up", users)
        addresses = [releases.address_status(gateway) for _ in range(5)]
        check(addresses == [200] * 4 + [429], "an address's bucket is used up", addresses)
        for name in FOUR_CALL_PLANS:
            check(releases.admitted(gateway, name, 6) == 4, f"`{name}` is used up")
        check(
            releases.admitted(gateway, "watching", 6) == 6, "a plan in shadow mode rejects nothing"
        )
        new_items.write(gateway)
        return create_keys(gateway)


def refund_one_call(gateway: Gateway) -> None:
    charge = api(gateway, "POST", "/decisions", {"key": key("quota")})["charge"]
    api(gateway, "POST", "/decisions", {"mode": "refund", "charge": charge})
    usage = api(gateway, "GET", "/keys/quota/usage")["quotas"][0]["usage"]
    check(usage[0] == 7, "a call is refunded", usage)


def create_keys(gateway: Gateway) -> dict:
    """Creates keys with features of this release. Returns their secrets by name, and the ID of the
    first key.
    """
    body = {
        "name": "A team",
        "plan": "quota",
        "metadata": {"owner": "a team"},
        "scopes": ["orders:read"],
    }
    first = api(gateway, "POST", "/keys", body)
    second = api(gateway, "POST", f"/keys/{first['key_id']}/rotate", {"grace_s": 86400})

    disabled = api(gateway, "POST", "/keys", {"plan": "quota"})
    api(gateway, "PATCH", f"/keys/{disabled['key_id']}", {"enabled": False})
    ended = api(gateway, "POST", "/keys", {"plan": "quota"})
    api(gateway, "POST", f"/keys/{ended['key_id']}/rotate", {"grace_s": 0})
    deleted = api(gateway, "POST", "/keys", {"plan": "quota"})
    status = call(gateway.port, "DELETE", f"/_tollgate/v1/keys/{deleted['key_id']}").status
    check(status == 204, "a key is deleted", status)

    keys = {
        "first": first,
        "second": second,
        "disabled": disabled,
        "ended": ended,
        "deleted": deleted,
    }
    return {"id": first["key_id"]} | {name: created["key"] for name, created in keys.items()}


def check_rollback(releases: Releases, created: dict) -> None:
    step("the previous release is deployed again")
    with releases.start_previous("back", PLANS) as gateway:
        wait_for_gateway(gateway)
        left = LIMIT + GRANT - 7
        admitted = releases.admitted(gateway, "quota", left + 5)
        check(admitted == left, f"{left} calls are left of the quota and its grant", admitted)
        check_used_up(releases, gateway)

        statuses = [
            get(gateway.port, "/orders", created[name]).status
            for name in ("first", "second", "disabled")
        ]
        check(
            statuses == [200, 200, 401],
            "a new key and its new secret work, a disabled key does not",
            statuses,
        )
        statuses = [get(gateway.port, "/orders", created[name]).status for name in REVOKED]
        check(statuses == [401, 401], "revoked secrets do not work", statuses)
        check(
            releases.admitted(gateway, "watching", 6) == 6, "a plan in shadow mode rejects nothing"
        )
        new_items.check_previous_release(gateway)


def check_used_up(releases: Releases, gateway: Gateway) -> None:
    for name in ("bucket", "early", *FOUR_CALL_PLANS):
        check(releases.admitted(gateway, name, 3) == 0, f"`{name}` is still used up")
    statuses = (releases.user_status(gateway), releases.address_status(gateway))
    check(
        statuses == (429, 429), "the user's and the address's buckets are still used up", statuses
    )


def check_import_of_revoked_secrets(gateway: Gateway, created: dict) -> None:
    revoked = [created[name] for name in REVOKED]
    rows = "".join(f"back,{secret}\n" for secret in revoked).encode()
    headers = {"content-type": "text/csv"}
    response = call(
        gateway.port, "POST", "/_tollgate/v1/keys/import?plan=quota", headers, b"Name,Key\n" + rows
    )
    check(
        response.json()["rejected"] == 2, "an import rejects revoked secrets", response.body[:300]
    )

    statuses = [get(gateway.port, "/orders", secret).status for secret in revoked]
    check(statuses == [401, 401], "revoked secrets still do not work", statuses)


def check_second_update(releases: Releases, created: dict) -> None:
    step("this release again")
    with releases.start_current("again") as gateway:
        wait_for_gateway(gateway)
        check_import_of_revoked_secrets(gateway, created)
        check(releases.admitted(gateway, "quota", 3) == 0, "the quota is used up")
        check_used_up(releases, gateway)

        used = LIMIT + GRANT
        report = api(gateway, "GET", "/keys/quota/usage")
        usage = report["quotas"][0]["usage"]
        check(usage == [used, 0], f"{used} calls of both releases are counted", usage)
        days = sum(day["used"] for day in report["days"])
        check(days == used, "the daily counts add up", days)

        document = api(gateway, "GET", f"/keys/{created['id']}")
        check(
            (document["name"], document["metadata"]) == ("A team", {"owner": "a team"}),
            "a key is unchanged",
            document,
        )
        usage = api(gateway, "GET", f"/keys/{created['id']}/usage")["quotas"][0]["usage"]
        check(usage[0] == 2, "it has the calls that the previous release admitted", usage)
        plans = {plan["name"] for plan in api(gateway, "GET", "/plans")["items"]}
        managed = {path.removeprefix("/plans/") for path in new_items.MANAGED if "plans" in path}
        expected = set(PLANS | EARLY_PLANS | new_items.PLANS) | managed
        check(plans == expected, "all plans exist", sorted(plans))
        new_items.check_this_release(gateway)


def wait_for_gateway(gateway: Gateway) -> None:
    """Returns when the gateway rejects a call without credentials, which needs the store and the
    issuer's keys.
    """
    wait_until(lambda: get(gateway.port, "/orders").status == 401, 30, "the gateway responds")


if __name__ == "__main__":
    drill.run("rollback", rollback)
