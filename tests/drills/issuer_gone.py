"""The issuer is unreachable.

Scenario: the identity provider refuses connections. Then an instance starts that has never had its
signing keys. Then the provider is available again.

Expected: an instance that has the keys continues to accept tokens (for a day) and to reject forged
ones. An instance without keys returns 500 for tokens, because it cannot verify them, and logs
`keys_unavailable`. API keys continue to work there. However many tokens arrive, the instance
retries one second after a failure, and then after longer pauses of up to ten seconds. When the
provider is back, tokens are accepted within ten seconds.

How to run it: `make drills`, or `PYTHONPATH=tests .venv/bin/python -m drills.issuer_gone`.

What an operator does: watch `reason=keys_unavailable` (500 to clients) and the warning `cannot
fetch the issuer's signing keys`, whose `cause` says what failed. Restore the provider. Until then,
do not deploy and do not change the function's settings, because new instances have no keys. If the
outage is long, put the provider's last JWK set into the policy itself (`"jwks": {…}` instead of
`jwks_uri`).
"""

import pathlib
import time
from collections.abc import Iterator

from drills import drill
from drills.drill import check, step
from harness.client import get
from harness.gateway import Gateway
from harness.issuer import Issuer, SigningKey
from harness.processes import wait_until

MAX_RETRY_PAUSE_S = 10
API_KEY = "drill-key-000000-people"
SEEDS = {"plans": {"people": {}}, "keys": [{"key": API_KEY, "key_id": "people", "plan": "people"}]}


def issuer_gone(path: pathlib.Path) -> None:
    key = SigningKey("first")
    with Issuer(key) as issuer, Gateway(path, "warm", SEEDS, issuer.policy()) as warm:
        tokens = (key.token(f"user-{number}") for number in range(1000))
        wait_until(lambda: accepts_a_token(warm, tokens), 15, "the signing keys are loaded")

        issuer.stop()
        step("the issuer is unreachable")
        check_with_keys(warm, tokens)

        with Gateway(path, "cold", SEEDS, issuer.policy()) as cold:
            check_without_keys(cold, tokens)
            issuer.fetches.clear()

            issuer.start()
            step("the issuer is back")
            begin = time.monotonic()
            wait_until(
                lambda: accepts_a_token(cold, tokens), 2 * MAX_RETRY_PAUSE_S, "a token is accepted"
            )
            check(True, f"tokens are accepted again after {time.monotonic() - begin:.0f} s")
            check(
                len(issuer.fetches) == 1, "the signing keys were fetched once", len(issuer.fetches)
            )


def check_with_keys(gateway: Gateway, tokens: Iterator[str]) -> None:
    statuses = {get(gateway.port, "/orders", token=next(tokens)).status for _ in range(50)}
    check(statuses == {200}, "an instance with signing keys accepts new tokens", statuses)

    forged = SigningKey("first").token("mallory")
    unknown = SigningKey("unknown").token("mallory")
    rejected = [
        get(gateway.port, "/orders", token=token).status
        for token in (forged, unknown, forged, unknown)
    ]
    check(set(rejected) == {401}, "it rejects tokens of other keys", rejected)
    check(
        get(gateway.port, "/orders", token=next(tokens)).status == 200,
        "it still accepts valid tokens",
    )


def check_without_keys(gateway: Gateway, tokens: Iterator[str]) -> None:
    begin = time.monotonic()
    statuses = [get(gateway.port, "/orders", token=next(tokens)).status for _ in range(100)]
    check(set(statuses) == {500}, "an instance without signing keys returns 500", set(statuses))

    wait_until(lambda: len(reasons(gateway)) == len(statuses), 10, "the log is written")
    check(
        set(reasons(gateway)) == {"keys_unavailable"},
        "it logs keys_unavailable",
        set(reasons(gateway)),
    )

    message = "cannot fetch the issuer's signing keys"
    fetches = sum(message in record.get("message", "") for record in gateway.log_records())
    # After 1, 2, 4 and 8 seconds, and then every ten seconds.
    max_fetches = 5 + (time.monotonic() - begin + MAX_RETRY_PAUSE_S) // MAX_RETRY_PAUSE_S
    check(1 <= fetches <= max_fetches, "many tokens cause few fetches", fetches)

    check(get(gateway.port, "/orders", API_KEY).status == 200, "API keys work")
    check(get(gateway.port, "/orders").status == 401, "a request without credentials is rejected")


def accepts_a_token(gateway: Gateway, tokens: Iterator[str]) -> bool:
    return get(gateway.port, "/orders", token=next(tokens)).status == 200


def reasons(gateway: Gateway) -> list[str]:
    return [
        record["reason"] for record in gateway.log_records() if record.get("message") == "decided"
    ]


if __name__ == "__main__":
    drill.run("issuer_gone", issuer_gone)
