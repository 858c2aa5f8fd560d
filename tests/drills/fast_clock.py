"""One instance's clock is five seconds fast.

What happens: two gateways share one store; the clock of one stands five seconds ahead. Eight clients call both with
one key, without pause, for DRILL_CLOCK_S seconds (20).

What must hold: the fast one sees the store's `Date`, logs by how much it is off and corrects itself, to within two
seconds behind the store and never ahead of it. So both together admit no more than the burst, the rate times the
time, and what the rate admits in two seconds, once. The right one is not locked out by what the fast one wrote: where
both are saturated it is the corrected one, being a little behind, that gets less or nothing, and the key has its rate.
Alone the corrected one admits as well. A token that a right clock has just issued holds on both.

How to run it: `make drills`, or `PYTHONPATH=tests .venv-ministack/bin/python -m drills.fast_clock`. The clock is
libfaketime's, which is installed with the other tools.

What an operator does: nothing for the limits. The warning `this clock is ahead of the store's` names the instance;
on Lambda it goes with its sandbox. On machines of one's own, mend the time service.
"""

import os
import pathlib
import threading
import time

from rig import drill
from rig.backend import Backend
from rig.client import call, get
from rig.drill import must, step
from rig.exact import excess
from rig.gateway import Gateway
from rig.issuer import Issuer, SigningKey
from rig.processes import PROJECT, Ministack, wait_until

AHEAD_S = 5
LENGTH_S = float(os.environ.get("DRILL_CLOCK_S", "20"))
RATE, BURST = 5, 20
# By how much a corrected clock may differ from the store's.
CORRECTED_S = 2
KEY = "drill-key-000000-clock"
PLANS = {"clock": {"throttle": {"rate": RATE, "burst": BURST}, "on_store_failure": "deny"}, "people": {}}
SEEDS = {"plans": PLANS, "keys": [{"key": KEY, "key_id": "clock", "plan": "clock"}]}


def fake_time() -> dict:
    """The environment of a program whose clock is fast; timers keep their pace."""
    found = list(PROJECT.glob(".venv/lib/python*/site-packages/libfaketime/vendor/libfaketime/src/libfaketime*.so.1"))
    if not found:
        raise drill.Failed("libfaketime is not there: run make tools")
    library: pathlib.Path = min(found)
    return {"LD_PRELOAD": str(library), "FAKETIME": f"+{AHEAD_S}s", "DONT_FAKE_MONOTONIC": "1"}


def fast(path):
    signing = SigningKey("first")
    with Ministack(path) as store, Backend(path) as backend, Issuer(signing) as issuer:
        options = {"seeds": SEEDS, "policy": issuer.policy(), "endpoint": store.url, "backend": backend.url}
        # It is not a slow machine that this is about.
        options["parameters"] = {"DecisionDeadlineMs": 2000}
        ahead = Gateway(path, "fast", environment=fake_time(), **options)
        with ahead, Gateway(path, "right", **options) as right:
            check_clock(ahead)
            for gateway in (ahead, right):
                wait_until(lambda port=gateway.port: decided(port), 60, "the store decides")
            step(f"both are called for {LENGTH_S:.0f} s")
            called([right.port, ahead.port])
            judge(backend, [right, ahead])
            token = issuer.token(signing, "user")
            for gateway in (right, ahead):
                wait_until(lambda port=gateway.port: holds(port, token), 15, "a token of this moment holds")
            must(True, "a token of this moment holds on both")


def decided(port: int) -> bool:
    """Without the store there are no limits to tell."""
    sent = {"x-api-key": KEY, "x-sent": repr(time.monotonic())}
    return "ratelimit" in call(port, "GET", "/warm", sent).headers


def holds(port: int, token: str) -> bool:
    return get(port, "/orders", token=token).status == 200


def check_clock(gateway):
    """The gateway's own `time_ms` in its access log is ahead, or the drill shows nothing."""
    call(gateway.port, "GET", "/health")
    line = wait_until(lambda: [line for line in gateway.lines() if "time_ms" in line], 10, "a line of the log")[0]
    ahead = int(line["time_ms"]) / 1000 - time.time()
    must(abs(ahead - AHEAD_S) < 2, f"one clock is {AHEAD_S} s ahead", f"{ahead:.1f} s")


def called(ports: list[int]):
    stopped = threading.Event()

    def client(port: int):
        while not stopped.is_set():
            call(port, "GET", f"/{port}", {"x-api-key": KEY, "x-sent": repr(time.monotonic())})
            time.sleep(0.02)

    threads = [threading.Thread(target=client, args=(port,)) for port in ports * 4]
    for thread in threads:
        thread.start()
    time.sleep(LENGTH_S)
    stopped.set()
    for thread in threads:
        thread.join()


def judge(backend, gateways):
    admitted = [request for request in backend.seen() if request["headers"].get("x-tollgate-key-id") == "clock"]
    calls = [(float(request["headers"]["x-sent"]), request["at"]) for request in admitted]
    alone = excess(calls, RATE, BURST)
    print(f"  admitted {len(calls)}; {alone} of them are the gain of a clock that is corrected within {CORRECTED_S} s")
    must(excess(calls, RATE, BURST + RATE * CORRECTED_S) == 0, "limits hold but for two seconds' worth, once")
    late = [request for request in admitted if request["at"] > time.monotonic() - LENGTH_S / 2]
    right = sum(request["line"].split()[1] == f"/{gateways[0].port}" for request in late)
    print(f"  in the second half {right} by the right one, {len(late) - right} by the other")
    must(right > 0, "the right one is not locked out", right)
    must(len(late) >= RATE * LENGTH_S / 4, "and what is admitted is not much less than the rate", len(late))
    wait_until(lambda: call(gateways[1].port, "GET", "/alone", {"x-api-key": KEY}).status == 200, 10, "alone it admits")
    must(True, "alone the fast one admits as well")
    warned = [line for line in gateways[1].lines() if "clock_off_ms" in line]
    must(bool(warned), "the fast one says by how much it is off", [line["clock_off_ms"] for line in warned])
    must(not [line for line in gateways[0].lines() if "clock_off_ms" in line], "and the right one says nothing")


if __name__ == "__main__":
    drill.run("fast_clock", fast)
