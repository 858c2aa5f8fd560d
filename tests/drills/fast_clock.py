"""The clock of one instance is five seconds fast.

Scenario: two gateways share one store. The clock of one is five seconds ahead. Eight clients call
both with one key, without pause, for DRILL_CLOCK_S seconds (default 20).

Expected: the fast gateway reads the store's `Date` header, logs the difference and corrects itself.
Its corrected clock is at most two seconds behind the store and never ahead of it. Together, both
gateways admit at most the burst, the rate times the duration, and once the tokens of two seconds.
The other gateway is not locked out by what the fast one wrote. If both are saturated, the corrected
gateway is slightly behind and may admit few calls or none. If only the corrected gateway is called,
it admits calls. A newly issued token is accepted by both.

How to run it: `make drills`, or `PYTHONPATH=tests .venv/bin/python -m drills.fast_clock`.
libfaketime, which `make tools` installs, changes the clock.

What an operator does: nothing for the limits. A warning with the field `clock_off_ms` shows which
instance it is. On Lambda the instance disappears with its execution environment. On your own
machines, repair the time service.
"""

import os
import pathlib
import threading
import time

from drills import drill
from drills.drill import check, step
from harness.client import call, get
from harness.emulator import Ministack
from harness.gateway import Gateway
from harness.issuer import Issuer, SigningKey
from harness.paths import PROJECT
from harness.processes import wait_until
from harness.recording_backend import RecordingBackend
from harness.token_bucket import excess

CLOCK_OFFSET_S = 5
DURATION_S = float(os.environ.get("DRILL_CLOCK_S", "20"))
RATE, BURST = 5, 20
# The largest difference between a corrected clock and the store's clock.
CORRECTION_TOLERANCE_S = 2
KEY = "drill-key-000000-clock"
PLANS = {
    "clock": {"throttle": {"rate": RATE, "burst": BURST}, "on_store_failure": "deny"},
    "people": {},
}
SEEDS = {"plans": PLANS, "keys": [{"key": KEY, "key_id": "clock", "plan": "clock"}]}


def fast_clock_environment() -> dict[str, str]:
    """Returns variables that make a program's clock fast. Its timers are not affected."""
    libraries = PROJECT.glob(
        ".venv/lib/python*/site-packages/libfaketime/vendor/libfaketime/src/libfaketime*.so.1"
    )
    library: pathlib.Path | None = min(libraries, default=None)
    if library is None:
        raise drill.DrillFailure("libfaketime is not installed: run make tools")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"+{CLOCK_OFFSET_S}s",
        "DONT_FAKE_MONOTONIC": "1",
    }


def fast_clock(path: pathlib.Path) -> None:
    signing_key = SigningKey("first")
    with Ministack(path) as store, RecordingBackend(path) as backend, Issuer(signing_key) as issuer:
        options = {
            "seeds": SEEDS,
            "policy": issuer.policy(),
            "endpoint": store.url,
            "backend": backend.url,
        }
        # The deadline is long because this drill is not about a slow machine.
        options["parameters"] = {"DecisionDeadlineMs": 2000}
        fast = Gateway(path, "fast", environment=fast_clock_environment(), **options)

        with fast, Gateway(path, "correct", **options) as correct:
            check_offset(fast)
            for gateway in (fast, correct):
                wait_until(
                    lambda port=gateway.port: is_decided_by_store(port), 60, "the store decides"
                )

            step(f"clients call both for {DURATION_S:.0f} s")
            call_both([correct.port, fast.port])
            check_limits(backend, correct, fast)

            token = signing_key.token("user")
            for gateway in (fast, correct):
                wait_until(
                    lambda port=gateway.port: is_accepted(port, token),
                    15,
                    "a new token is accepted",
                )
            check(True, "both accept a newly issued token")


def is_decided_by_store(port: int) -> bool:
    """True if a response reports limits, which only the store knows."""
    headers = {"x-api-key": KEY, "x-sent": repr(time.monotonic())}
    return "ratelimit" in call(port, "GET", "/warm", headers).headers


def is_accepted(port: int, token: str) -> bool:
    return get(port, "/orders", token=token).status == 200


def check_offset(gateway: Gateway) -> None:
    """Reads `time_ms` in the access log. Without an offset, this drill would test nothing."""
    call(gateway.port, "GET", "/health")
    records = wait_until(
        lambda: [record for record in gateway.log_records() if "time_ms" in record],
        10,
        "an access log record",
    )

    offset_s = int(records[0]["time_ms"]) / 1000 - time.time()
    check(
        abs(offset_s - CLOCK_OFFSET_S) < 2,
        f"one clock is {CLOCK_OFFSET_S} s ahead",
        f"{offset_s:.1f} s",
    )


def call_both(ports: list[int]) -> None:
    stopping = threading.Event()

    def client(port: int) -> None:
        while not stopping.is_set():
            call(port, "GET", f"/{port}", {"x-api-key": KEY, "x-sent": repr(time.monotonic())})
            time.sleep(0.02)

    threads = [threading.Thread(target=client, args=(port,)) for port in ports * 4]
    for thread in threads:
        thread.start()

    time.sleep(DURATION_S)
    stopping.set()
    for thread in threads:
        thread.join()


def check_limits(backend: RecordingBackend, correct: Gateway, fast: Gateway) -> None:
    admitted = [
        request
        for request in backend.requests()
        if request["headers"].get("x-tollgate-key-id") == "clock"
    ]
    calls = [(float(request["headers"]["x-sent"]), request["at"]) for request in admitted]
    print(
        f"  admitted {len(calls)} calls, {excess(calls, RATE, BURST)} of them because of the clock's correction"
    )
    allowance = RATE * CORRECTION_TOLERANCE_S
    check(
        excess(calls, RATE, BURST + allowance) == 0,
        "limits are exceeded at most once, by two seconds' worth",
    )

    late = [request for request in admitted if request["at"] > time.monotonic() - DURATION_S / 2]
    by_correct = sum(request["line"].split()[1] == f"/{correct.port}" for request in late)
    print(
        f"  second half: {by_correct} calls by the correct gateway, {len(late) - by_correct} by the fast one"
    )
    check(by_correct > 0, "the correct gateway is not locked out", by_correct)
    check(
        len(late) >= RATE * DURATION_S / 4,
        "the admitted rate is not much below the limit",
        len(late),
    )

    wait_until(
        lambda: call(fast.port, "GET", "/alone", {"x-api-key": KEY}).status == 200,
        10,
        "a call is admitted",
    )
    check(True, "the fast gateway admits calls when it is called alone")

    offsets = [record["clock_off_ms"] for record in fast.log_records() if "clock_off_ms" in record]
    check(bool(offsets), "the fast gateway logs its clock's offset", offsets)
    check(
        not any("clock_off_ms" in record for record in correct.log_records()),
        "the correct gateway logs no offset",
    )


if __name__ == "__main__":
    drill.run("fast_clock", fast_clock)
