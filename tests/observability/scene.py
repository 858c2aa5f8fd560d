"""Two gateways under load, and a Prometheus that scrapes them.

The first gateway has a working backend. The second one has neither a backend nor a collector for its
telemetry, and runs alb-sync. Its store fails after some seconds: decisions then follow the plans, and
its circuit breaker opens.
"""

import atexit
import contextlib
import functools
import json
import pathlib
import re
import tempfile
import time

from harness.client import call
from harness.emulator import Ministack
from harness.gateway import Gateway
from harness.name_server import NameServer
from harness.paths import EVALUATOR
from harness.processes import free_port, wait_until
from observability.backend import backend
from observability.prometheus import Prometheus
from observability.traffic import (
    BURST_ALLOWED,
    BURST_KEYS,
    BURST_THROTTLED,
    COMPOSITIONS,
    MIX,
    POLICY,
    Client,
    Request,
    key,
    seeds,
)

# Long enough for several scrapes of each series.
LOAD_S, PAUSE_S = 5, 0.2
# alb-sync runs at the start, and then once a minute.
SYNC_TIMEOUT_S = 90
NAME = "internal-orders-1.eu-central-1.elb.amazonaws.com"
# A queue that is full after a few spans, and frequent exports.
TELEMETRY = {
    "OTEL_BSP_MAX_QUEUE_SIZE": "8",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
}
# Requests of the gateway without a store and a backend.
DEGRADED_MIX = [Request("/orders", plan) for plan in ("pro", "strict", "free")]


class Scene:
    """The programs, which run until `close`."""

    def __init__(self, folder: pathlib.Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        names = stack.enter_context(NameServer({NAME: ["10.0.0.1", "10.0.0.2"]}))
        service = stack.enter_context(backend())
        self.store = stack.enter_context(Ministack(folder / "store"))

        # No program listens there.
        nothing = f"http://127.0.0.1:{free_port()}"
        options = {"seeds": seeds(), "policy": POLICY, "binary": EVALUATOR}
        self.gateway = stack.enter_context(
            Gateway(
                folder, "gateway", backend=service.url, compositions=COMPOSITIONS, **options
            )
        )
        self.failing = stack.enter_context(
            Gateway(
                folder,
                "failing",
                backend=nothing,
                endpoint=self.store.url,
                parameters=sync_parameters(self.store, names),
                environment={"OTEL_EXPORTER_OTLP_ENDPOINT": nothing, **TELEMETRY},
                **options,
            )
        )
        self.prometheus = stack.enter_context(Prometheus(folder, [self.gateway, self.failing]))
        self.began = self.ended = 0.0
        self.burst_key, self.split_bursts = "", set[str]()
        self.client, self.failing_client = Client(self.gateway), Client(self.failing)

    def run(self) -> None:
        """Changes a plan, and sends requests until each kind of series has several samples."""
        self.began = time.time()
        self._change_plan("free", {"throttle": {"rate": 0.1, "burst": 3}})
        self._send(LOAD_S)
        wait_until(self._is_synced, SYNC_TIMEOUT_S, "alb-sync has updated the target group")

        self.store.kill()
        self._send(LOAD_S)
        self._send_burst()
        self.prometheus.wait_for_scrapes()
        self.ended = time.time()

    def _send_burst(self) -> None:
        """Sends all requests of a key between two scrapes. `burst_key` is the id of the key, and the
        name of its plan.
        """
        for name in BURST_KEYS:
            request = Request("/orders", key=key(name))
            self.prometheus.wait_for_scrapes(self.gateway)
            self.client.send([request] * (BURST_ALLOWED + BURST_THROTTLED))
            self.prometheus.wait_for_scrapes()

            series = f'tollgate_caller_decisions_total{{caller="key#{name}",decision="throttled"}}'
            first = f"min_over_time({series}[5m])"
            if [one.value for one in self.prometheus.query(first)] == [BURST_THROTTLED]:
                self.burst_key = name
                return
            self.split_bursts.add(name)
        raise AssertionError("each burst took longer than a scrape interval")

    def _change_plan(self, name: str, plan: dict) -> None:
        path = f"/_tollgate/v1/plans/{name}"
        response = call(self.gateway.port, "PUT", path, body=plan)
        if response.status != 200:
            raise AssertionError(f"{path}: {response.status} {response.body!r}")

    def _is_synced(self) -> bool:
        return self.prometheus.query("tollgate_sync_succeeded == 1") != []

    def _send(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.client.send(MIX)
            self.failing_client.send(DEGRADED_MIX)
            time.sleep(PAUSE_S)


@functools.cache
def shared_scene() -> Scene:
    """Returns the scene after its load. The programs end with this process."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-observability-"))
        scene = Scene(pathlib.Path(folder), stack)
        scene.run()
        atexit.register(stack.pop_all().close)
        return scene


def sync_parameters(store: Ministack, names: NameServer) -> dict[str, str]:
    """Returns the parameters of alb-sync for a new target group."""
    query = "Action=CreateTargetGroup&Name=orders&TargetType=ip&Protocol=TCP&Port=443&VpcId=vpc-1"
    created = call(store.port, "GET", f"/?Version=2015-12-01&{query}").body.decode()
    (arn,) = re.findall("<TargetGroupArn>(.*)</TargetGroupArn>", created)
    target = {"name": NAME, "target_group_arn": arn, "port": 443}
    return {
        "SyncTargets": json.dumps([target]),
        "SyncTargetGroupArns": arn,
        "SyncDnsServers": names.address,
    }
