"""Signing keys are rotated under load.

What happens: sixteen clients call with tokens of their own, each signed a moment before. First the issuer rotates its
key as it should: the new key is published beside the old one, signs eleven seconds later, and the old one leaves when
its tokens have ended. Then it rotates as it should not: the new key takes the old one's place at once.

What must hold: with the overlap no good token is refused, at any time. Without it, tokens of the new key are refused
with 401 until the keys are fetched again, which an unknown `kid` causes once in ten seconds, and with no other status;
from then on none is, and tokens of the withdrawn key are refused.

How to run it: `make drills`, or `PYTHONPATH=tests .venv-ministack/bin/python -m drills.key_rotation`.

What an operator does: publish the new key, wait longer than ten seconds (or than the provider's own caches need), let
it sign, and withdraw the old key when the last of its tokens has ended. A key that has leaked is withdrawn at once:
instances drop it when they fetch next, which any token of an unknown `kid` causes, and after ten minutes at the latest
where tokens come at all.
"""

import collections
import threading
import time

from rig import drill
from rig.client import get
from rig.drill import must, step
from rig.gateway import Gateway
from rig.issuer import Issuer, SigningKey
from rig.processes import wait_until

COOL_DOWN_S = 10
CLIENTS = 16
SEEDS = {"plans": {"people": {}}, "keys": []}


class Load:
    """Clients that call until they are told to stop, with tokens of whatever key signs."""

    def __init__(self, gateway, issuer, key: SigningKey):
        self.gateway, self.issuer, self.key = gateway, issuer, key
        self.answers: list[tuple[float, str, int]] = []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.client, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def client(self, number: int):
        call = 0
        while not self.stopped.wait(0.2):
            call += 1
            key = self.key
            answer = get(self.gateway.port, "/orders", token=self.issuer.token(key, f"user-{number}-{call}"))
            self.answers.append((answer.sent, key.kid, answer.status))

    def statuses(self, kid: str | None = None, since: float = 0.0) -> collections.Counter:
        return collections.Counter(
            status for sent, signer, status in self.answers if sent >= since and kid in (None, signer)
        )


def rotated(path):
    first, second, third = SigningKey("first"), SigningKey("second"), SigningKey("third")
    with Issuer(first) as issuer, Gateway(path, "gateway", SEEDS, issuer.policy()) as gateway:
        token = issuer.token(first, "user")
        wait_until(lambda: get(gateway.port, "/orders", token=token).status == 200, 15, "the keys are there")
        with Load(gateway, issuer, first) as load:
            with_overlap(load, issuer, first, second)
        with Load(gateway, issuer, second) as load:
            without_overlap(load, issuer, second, third)


def with_overlap(load: Load, issuer: Issuer, old: SigningKey, new: SigningKey):
    step("the new key is published beside the old one")
    issuer.published = [old, new]
    time.sleep(COOL_DOWN_S + 1)
    step("the new key signs")
    load.key = new
    time.sleep(3)
    step("the old key is withdrawn")
    issuer.published = [new]
    time.sleep(COOL_DOWN_S + 2)
    for kid in (old.kid, new.kid):
        counts = load.statuses(kid)
        must(set(counts) == {200}, f"none of the good tokens of `{kid}` is refused", dict(counts))
    must(bool(issuer.fetches), "the keys were fetched because of the new `kid`")


def without_overlap(load: Load, issuer: Issuer, old: SigningKey, new: SigningKey):
    fetched = len(issuer.fetches)
    # An unknown `kid` starts the cool-down, so that the rotation meets all of it.
    wait_until(lambda: stray(load, issuer) and len(issuer.fetches) > fetched, 2 * COOL_DOWN_S, "keys are fetched")
    step("the new key takes the old one's place at once")
    issuer.published = [new]
    load.key = new
    begin = time.monotonic()
    wait_until(lambda: load.statuses(new.kid)[200], 2 * COOL_DOWN_S, "a token of the new key holds")
    refused_s = time.monotonic() - begin
    time.sleep(3)
    counts = load.statuses(new.kid)
    must(set(counts) == {200, 401} and counts[401], "tokens of the new key are 401 at first", dict(counts))
    must(refused_s <= COOL_DOWN_S + 2, f"until the keys are fetched again, {refused_s:.0f} s later", refused_s)
    later = load.statuses(new.kid, begin + refused_s + 1)
    must(set(later) == {200}, "and never after that", dict(later))
    withdrawn = get(load.gateway.port, "/orders", token=issuer.token(old, "user")).status
    must(withdrawn == 401, "tokens of the withdrawn key are refused", withdrawn)


def stray(load: Load, issuer: Issuer) -> bool:
    return get(load.gateway.port, "/orders", token=issuer.token(SigningKey("stray"), "user")).status == 401


if __name__ == "__main__":
    drill.run("key_rotation", rotated)
