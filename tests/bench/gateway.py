"""Requests through the local gateway, compared with nginx and with the backend alone."""

import contextlib
import json
import tempfile
from collections.abc import Iterator

from bench.builds import Programs
from bench.pinned import LOAD_CORE, SERVER_CORE, check_cores, pinned_server
from bench.rows import Row, Runs, Table
from bench.wrk import load
from harness.processes import Program, free_port

ROUNDS = 5
DURATION_S = 3
CONNECTIONS = 16
KEY = "benchmark-key-000000000001"
SEEDS = {
    "plans": {
        "bench": {
            "throttle": {"rate": 1_000_000, "burst": 1_000_000},
            "quotas": [{"limit": 10**12, "period": "month"}],
        }
    },
    "keys": [{"key": KEY, "key_id": "bench", "plan": "bench"}],
}
# By default, a stage admits 10,000 requests per second, which the load can exceed.
STAGE = ["--parameter", "StageRateLimit=1000000", "--parameter", "StageBurstLimit=1000000"]
NAMES = ["Tollgate's local gateway", "nginx with limit_req", "backend only"]
# One process, as the gateway is, so that its processor time is known.
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {http}
}}
"""
BACKEND = """
    server {{
        listen 127.0.0.1:{port};
        location / {{ default_type application/json; return 200 '{{"orders":[]}}'; }}
    }}
"""
# A limit per key, like Tollgate's. Both limits admit every request.
LIMITED = """
    limit_req_zone $http_x_api_key zone=keys:10m rate=1000000r/s;
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            limit_req zone=keys burst=1000000 nodelay;
            proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://backend;
        }}
    }}
"""


@contextlib.contextmanager
def nginx(core: str, http: str, port: int) -> Iterator[Program]:
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/nginx.conf", "w") as file:
            file.write(NGINX.format(folder=folder, http=http))
        command = ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"]
        with pinned_server(core, command, port) as program:
            yield program


def measure(programs: Programs) -> list[Table]:
    check_cores()
    backend, limited, gateway = free_port(), free_port(), free_port()
    runs = Runs()

    with contextlib.ExitStack() as servers:
        seeds = servers.enter_context(tempfile.NamedTemporaryFile("w", suffix=".json"))
        json.dump(SEEDS, seeds)
        seeds.flush()

        options = ["--backend", f"http://127.0.0.1:{backend}", "--seeds", seeds.name, *STAGE]
        command = [programs.binaries["tollgate"], "--listen", f"127.0.0.1:{gateway}", *options]
        behind = nginx(LOAD_CORE, BACKEND.format(port=backend), backend)
        peer = nginx(SERVER_CORE, LIMITED.format(backend=backend, port=limited), limited)
        own = pinned_server(SERVER_CORE, command, gateway)
        behind, peer, own = (servers.enter_context(it) for it in (behind, peer, own))

        started = zip(NAMES, ((own, gateway), (peer, limited), (behind, backend)), strict=True)
        runs.measure({name: lambda it=it: requests(*it) for name, it in started}, ROUNDS)
    return tables(runs)


def requests(server: Program, port: int) -> dict[str, float]:
    url = f"http://127.0.0.1:{port}/orders"
    return load(server, url, CONNECTIONS, DURATION_S, {"x-api-key": KEY})


def tables(runs: Runs) -> list[Table]:
    note = (
        f"`wrk` with one thread and {CONNECTIONS} connections. Each server has one core, and the "
        "load and the backend have the other one. The gateway does the same work as the deployed "
        "system: it finds the route, calls the authorizer with an event, charges a plan, maps "
        "request and response headers, and writes an access log. It is meant for trying out and "
        "testing. nginx writes no log. The backend is nginx with a fixed response, and it is "
        "measured on the core of the load."
    )
    processor_note = (
        "Of the server, in user mode and in the kernel. It depends less on the load of the machine "
        "than the rate."
    )

    def rows(figure: str) -> list[Row]:
        return runs.rows(figure, NAMES, NAMES[:1])

    return [
        Table("Requests per second", "/s", rows("rate"), note),
        Table("Processor time per request", "µs", rows("processor"), processor_note),
        Table("Latency, p50", "ms", rows("p50")),
        Table("Latency, p99", "ms", rows("p99")),
    ]
