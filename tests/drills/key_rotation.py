"""Signing keys are rotated under load.

Scenario: sixteen clients call with new tokens. First the issuer rotates its key correctly: it
publishes the new key in addition to the old one, signs with it eleven seconds later, and removes
the old key when its tokens have expired. Then it rotates without an overlap: the new key replaces
the old one at once.

Expected: with the overlap, no valid token is rejected at any time. Without it, tokens of the new
key are rejected with 401, and with no other status, until the keys are fetched again. An unknown
`kid` causes a fetch at most once in ten seconds. From then on no valid token is rejected, and
tokens of the removed key are.

How to run it: `make drills`, or `PYTHONPATH=tests .venv/bin/python -m drills.key_rotation`.

What an operator does: publish the new key, wait longer than ten seconds (or as long as the
provider's own caches need), sign with it, and remove the old key when the last of its tokens has
expired. Remove a leaked key at once: instances drop it at their next fetch. A token with an unknown
`kid` causes that fetch. Otherwise it happens after ten minutes at most, if tokens arrive at all.
"""

import collections
import pathlib
import threading
import time
from typing import Self

from drills import drill
from drills.drill import check, step
from harness.client import get
from harness.gateway import Gateway
from harness.issuer import Issuer, SigningKey
from harness.processes import wait_until

REFETCH_PAUSE_S = 10
CLIENTS = 16
SEEDS = {"plans": {"people": {}}, "keys": []}


class Load:
    """Clients that call, with tokens signed by `key`, until the load is closed."""

    def __init__(self, gateway: Gateway, key: SigningKey) -> None:
        self.gateway, self.key = gateway, key
        self.responses: list[tuple[float, str, int]] = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._run_client, args=(number,)) for number in range(CLIENTS)
        ]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def statuses(self, kid: str, since: float = 0.0) -> collections.Counter:
        """Counts the statuses of calls with tokens of a key."""
        return collections.Counter(
            status for sent, key, status in self.responses if sent >= since and key == kid
        )

    def _run_client(self, number: int) -> None:
        calls = 0
        while not self.stopping.wait(0.2):
            calls += 1
            key = self.key
            response = get(self.gateway.port, "/orders", token=key.token(f"user-{number}-{calls}"))
            self.responses.append((response.sent, key.kid, response.status))


def key_rotation(path: pathlib.Path) -> None:
    first, second, third = SigningKey("first"), SigningKey("second"), SigningKey("third")
    with Issuer(first) as issuer, Gateway(path, "gateway", SEEDS, issuer.policy()) as gateway:
        token = first.token("user")
        wait_until(
            lambda: get(gateway.port, "/orders", token=token).status == 200,
            15,
            "the signing keys are loaded",
        )

        with Load(gateway, first) as load:
            check_with_overlap(load, issuer, first, second)
        with Load(gateway, second) as load:
            check_without_overlap(load, issuer, second, third)


def check_with_overlap(load: Load, issuer: Issuer, old: SigningKey, new: SigningKey) -> None:
    step("the new key is published in addition to the old one")
    issuer.published = [old, new]
    time.sleep(REFETCH_PAUSE_S + 1)

    step("the new key signs")
    load.key = new
    time.sleep(3)

    step("the old key is removed")
    issuer.published = [new]
    time.sleep(REFETCH_PAUSE_S + 2)

    for kid in (old.kid, new.kid):
        statuses = load.statuses(kid)
        check(set(statuses) == {200}, f"no valid token of key `{kid}` is rejected", dict(statuses))
    check(bool(issuer.fetches), "the new `kid` caused a fetch")


def check_without_overlap(load: Load, issuer: Issuer, old: SigningKey, new: SigningKey) -> None:
    # An unknown `kid` causes a fetch, so that the rotation begins with a whole pause ahead.
    fetches = len(issuer.fetches)
    wait_until(
        lambda: is_unknown_kid_rejected(load) and len(issuer.fetches) > fetches,
        2 * REFETCH_PAUSE_S,
        "keys are fetched",
    )

    step("the new key replaces the old one at once")
    issuer.published = [new]
    load.key = new
    begin = time.monotonic()
    wait_until(
        lambda: load.statuses(new.kid)[200],
        2 * REFETCH_PAUSE_S,
        "a token of the new key is accepted",
    )
    rejected_s = time.monotonic() - begin
    time.sleep(3)

    statuses = load.statuses(new.kid)
    check(
        set(statuses) == {200, 401} and statuses[401] > 0,
        "tokens of the new key are 401 at first",
        dict(statuses),
    )
    check(
        rejected_s <= REFETCH_PAUSE_S + 2,
        "they are accepted after the next fetch",
        f"{rejected_s:.0f} s",
    )
    later = load.statuses(new.kid, begin + rejected_s + 1)
    check(set(later) == {200}, "no valid token is rejected after that", dict(later))

    removed = get(load.gateway.port, "/orders", token=old.token("user")).status
    check(removed == 401, "tokens of the removed key are rejected", removed)


def is_unknown_kid_rejected(load: Load) -> bool:
    return get(load.gateway.port, "/orders", token=SigningKey("stray").token("user")).status == 401


if __name__ == "__main__":
    drill.run("key_rotation", key_rotation)
