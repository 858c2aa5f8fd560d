"""The issuer is gone.

What happens: the identity provider takes no connections any more. Then an instance starts that has never had its keys.
Then the provider is back.

What must hold: an instance that has the keys goes on accepting tokens (for a day), and refuses forged ones. One that
starts without keys answers tokens with 500, because it can say neither yes nor no, and logs `keys_unavailable`; API
keys work there all the same. However many tokens come, it asks the provider a second after a failure, and after ever longer pauses up to ten
seconds. Once the provider is back it accepts tokens within ten seconds more.

How to run it: `make drills`, or `PYTHONPATH=tests .venv-ministack/bin/python -m drills.issuer_gone`.

What an operator does: watch `reason=keys_unavailable` (500 to clients) and the warning
`cannot fetch the issuer's signing keys`, whose `cause` says what failed, and restore the provider. Do not deploy and do not change the function's settings meanwhile: new instances have no keys.
Where it takes long, put the provider's last key set into the policy itself (`"jwks": {…}` instead of `jwks_uri`).
"""

import time

from rig import drill
from rig.client import get
from rig.drill import must, step
from rig.gateway import Gateway
from rig.issuer import Issuer, SigningKey
from rig.processes import wait_until

COOL_DOWN_S = 10
API_KEY = "drill-key-000000-people"
SEEDS = {"plans": {"people": {}}, "keys": [{"key": API_KEY, "key_id": "people", "plan": "people"}]}


def gone(path):
    key = SigningKey("first")
    with Issuer(key) as issuer, Gateway(path, "warm", SEEDS, issuer.policy()) as warm:
        tokens = (issuer.token(key, f"user-{number}") for number in range(1000))
        wait_until(lambda: holds(warm, tokens), 15, "the keys are there")
        issuer.stop()
        step("the issuer is gone")
        with_keys(warm, tokens, issuer)
        with Gateway(path, "cold", SEEDS, issuer.policy()) as cold:
            without_keys(cold, tokens)
            issuer.fetches.clear()
            issuer.start()
            step("the issuer is back")
            begin = time.monotonic()
            wait_until(lambda: holds(cold, tokens), 2 * COOL_DOWN_S, "a token holds")
            must(True, f"tokens hold again {time.monotonic() - begin:.0f} s later")
            must(len(issuer.fetches) == 1, "the keys were fetched once", len(issuer.fetches))


def with_keys(gateway, tokens, issuer):
    statuses = [get(gateway.port, "/orders", token=next(tokens)).status for _ in range(50)]
    must(set(statuses) == {200}, "an instance with keys accepts tokens it has never seen", set(statuses))
    forged = issuer.token(SigningKey("first"), "mallory")
    unknown = issuer.token(SigningKey("unknown"), "mallory")
    refused = [get(gateway.port, "/orders", token=token).status for token in (forged, unknown, forged, unknown)]
    must(set(refused) == {401}, "and refuses those of other keys", refused)
    must(get(gateway.port, "/orders", token=next(tokens)).status == 200, "and still accepts good ones")


def without_keys(gateway, tokens):
    begin = time.monotonic()
    statuses = [get(gateway.port, "/orders", token=next(tokens)).status for _ in range(100)]
    must(set(statuses) == {500}, "an instance without keys answers 500", set(statuses))
    wait_until(lambda: len(reasons(gateway)) == len(statuses), 10, "the log is written")
    must(set(reasons(gateway)) == {"keys_unavailable"}, "and logs keys_unavailable", set(reasons(gateway)))
    fetches = sum("cannot fetch the issuer's signing keys" in line.get("message", "") for line in gateway.lines())
    # After 1, 2, 4 and 8 seconds, and then each ten.
    most = 5 + (time.monotonic() - begin + COOL_DOWN_S) // COOL_DOWN_S
    must(1 <= fetches <= most, "however many come, it asks seldom", fetches)
    must(get(gateway.port, "/orders", API_KEY).status == 200, "API keys work there")
    must(get(gateway.port, "/orders").status == 401, "and nobody passes without one")


def holds(gateway, tokens) -> bool:
    return get(gateway.port, "/orders", token=next(tokens)).status == 200


def reasons(gateway) -> list[str]:
    return [line["reason"] for line in gateway.lines() if line.get("message") == "decided"]


if __name__ == "__main__":
    drill.run("issuer_gone", gone)
