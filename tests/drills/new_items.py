"""Items with fields that the previous release does not know.

Those that restrict a caller have a newer version, so that the previous release refuses them instead
of ignoring the restriction.
"""

import hashlib

from drills.administration import api
from drills.drill import check
from harness.client import call, get
from harness.gateway import Gateway

AMPLE = {"throttle": {"rate": 1000, "burst": 100000}}
# The previous release cannot read a plan with a field or a value that it does not know.
PLANS = {
    "open": {**AMPLE, "time_zone": "Europe/Berlin"},
    "closed": {**AMPLE, "enabled": False},
    "prepaid": {"quotas": [{"name": "balance", "limit": 3, "period": "total"}]},
    "warned": {"quotas": [{"limit": 4, "period": "month", "overage": "allow", "warn_at": [0.5]}]},
}
# The fields of each key, and the status of its calls with this release.
KEYS = {
    "member": ({"plan": "open", "group": "team"}, 200),
    "colleague": ({"plan": "open", "group": "team"}, 200),
    "local": ({"plan": "open", "allowed_ips": ["127.0.0.0/8", "::1/128"]}, 200),
    "remote": ({"plan": "open", "allowed_ips": ["192.0.2.0/24"]}, 403),
    "future": ({"plan": "open", "not_before": "2100-01-01T00:00:00Z"}, 401),
    "of-closed": ({"plan": "closed"}, 403),
    "zoned": ({"plan": "open"}, 200),
    "prepaid": ({"plan": "prepaid"}, 200),
    "warned": ({"plan": "warned"}, 200),
}
# Objects with the name of the program that created them, and a body that changes nothing. The
# previous release changes those that are called `changed`, and so removes their name.
MANAGED = {
    "/plans/managed": AMPLE,
    "/plans/managed-changed": AMPLE,
    "/keys/managed": {"plan": "managed"},
    "/keys/managed-changed": {"plan": "managed"},
}
# An address of the documentation, which no call of this drill comes from.
BLOCKED = "/blocks/ip/192.0.2.77"
# A stored composition, which the previous release does not know.
COMPOSED = "/compositions/drill"
COMPOSITION = {"routes": {"GET /bff/me": {"parts": {"user": {"get": "/users/{user_id}"}}}}}


def secret(name: str) -> str:
    return f"drill-new-key-0000-{name}"


def write(gateway: Gateway) -> None:
    """Writes the items and calls with each key."""
    for name, plan in PLANS.items():
        api(gateway, "PUT", f"/plans/{name}", plan)
    for name, (fields, _) in KEYS.items():
        secret_hash = hashlib.sha256(secret(name).encode()).hexdigest()
        api(gateway, "PUT", f"/keys/{name}", {**fields, "hash": secret_hash})
    for path, fields in MANAGED.items():
        api(gateway, "PUT", path, fields, managed_by="drill")
    check_managed_by(gateway, dict.fromkeys(MANAGED, "drill"))
    api(gateway, "PUT", BLOCKED, {"note": "drill"})
    api(gateway, "PUT", COMPOSED, COMPOSITION)

    check_statuses(gateway, {name: status for name, (_, status) in KEYS.items()})


def check_previous_release(gateway: Gateway) -> None:
    """Checks that the previous release admits no call that it could admit by mistake."""
    statuses = {name: status_of(gateway, name) for name in KEYS}
    admitted = [name for name, status in statuses.items() if status == 200]
    check(not admitted, "no caller with an unknown field is admitted", statuses)

    status = call(gateway.port, "GET", f"/_tollgate/v1{COMPOSED}").status
    check(status == 404, "no composition is known", status)

    # Lists contain the unknown items and fail. Other items can be read one by one.
    for path in ("/plans/quota", "/keys/quota", "/plans/managed", "/keys/managed"):
        api(gateway, "GET", path)

    api(gateway, "PUT", "/plans/managed-changed", {**AMPLE, "shadow": True})
    api(gateway, "PATCH", "/keys/managed-changed", {"name": "changed"})


def check_this_release(gateway: Gateway) -> None:
    """Checks that nothing was lost while the previous release served requests."""
    check_statuses(gateway, {name: status for name, (_, status) in KEYS.items()})

    for name, (fields, _) in KEYS.items():
        document = api(gateway, "GET", f"/keys/{name}")
        kept = {field: document.get(field) for field in fields}
        check(kept == fields, f"the key `{name}` is unchanged", document)
    names = {path: None if path.endswith("-changed") else "drill" for path in MANAGED}
    check_managed_by(gateway, names)
    report = api(gateway, "GET", "/keys/prepaid/usage")
    check(report["quotas"][0]["usage"] == [2, 1], "a balance is unchanged", report["quotas"])
    report = api(gateway, "GET", "/keys/member/usage")
    calls = sum(day["calls"] for day in report["days"])
    check(calls == 2, "a member's calls are counted", calls)
    blocks = [block["id"] for block in api(gateway, "GET", "/blocks")["items"]]
    check(len(blocks) == 1, "a block is unchanged", blocks)
    composition = api(gateway, "GET", COMPOSED)
    check(composition == COMPOSITION, "a composition is unchanged", composition)


def check_managed_by(gateway: Gateway, expected: dict[str, str | None]) -> None:
    """Checks the name of the program that created each object, in the lists."""
    found = {}
    for kind, field in (("plans", "name"), ("keys", "key_id")):
        for item in api(gateway, "GET", f"/{kind}?limit=100")["items"]:
            found[f"/{kind}/{item[field]}"] = item.get("managed_by")
    found = {path: found.get(path, "absent") for path in expected}
    check(found == expected, "objects show the program that created them", found)


def check_statuses(gateway: Gateway, expected: dict[str, int]) -> None:
    statuses = {name: status_of(gateway, name) for name in expected}
    check(statuses == expected, "restrictions of keys and plans apply", statuses)


def status_of(gateway: Gateway, name: str) -> int:
    return get(gateway.port, "/orders", secret(name)).status
