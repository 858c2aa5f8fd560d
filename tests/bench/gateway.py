"""Requests through the local gateway, compared with nginx and with the backend alone."""

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator

from bench.builds import Programs
from bench.environment import MeasurementError, run, server, variables
from bench.rows import Runs, Table
from harness.processes import free_port

PROGRAMS = ["nginx", "wrk"]
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
UNIT_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
NAMES = ["Tollgate's local gateway", "nginx with limit_req", "backend only"]
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;
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
def nginx(http: str, port: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/nginx.conf", "w") as file:
            file.write(NGINX.format(folder=folder, http=http))
        with server(["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"], port):
            yield


def wrk(port: int) -> dict[str, float]:
    url = f"http://127.0.0.1:{port}/orders"
    output = run(
        [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{DURATION_S}s",
            "--latency",
            "-H",
            f"x-api-key: {KEY}",
            url,
        ],
        variables(),
        60,
    )
    if "Non-2xx" in output:
        raise MeasurementError(re.search(r"Non-2xx.*", output)[0])

    latency = {part: re.search(rf"{part}%\s+([\d.]+)(us|ms|s)", output) for part in ("50", "99")}
    figures = {f"p{part}": float(found[1]) * UNIT_MS[found[2]] for part, found in latency.items()}
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]), **figures}


def measure(programs: Programs) -> list[Table]:
    backend, limited, gateway = free_port(), free_port(), free_port()
    runs = Runs()

    with contextlib.ExitStack() as servers:
        seeds = servers.enter_context(tempfile.NamedTemporaryFile("w", suffix=".json"))
        json.dump(SEEDS, seeds)
        seeds.flush()
        servers.enter_context(nginx(BACKEND.format(port=backend), backend))
        servers.enter_context(nginx(LIMITED.format(backend=backend, port=limited), limited))
        to_backend = ["--backend", f"http://127.0.0.1:{backend}", "--seeds", seeds.name]
        command = [programs.binaries["tollgate"], "--listen", f"127.0.0.1:{gateway}", *to_backend]
        servers.enter_context(server(command, gateway))

        ports = dict(zip(NAMES, (gateway, limited, backend), strict=True))
        runs.measure({name: lambda port=port: wrk(port) for name, port in ports.items()}, ROUNDS)
    note = (
        f"`wrk` with one thread and {CONNECTIONS} connections, on the same cores. The gateway does the same work as "
        "the deployed system: it finds the route, calls the authorizer with an event, charges a plan, maps request and "
        "response headers, and writes an access log. It is meant for trying out and testing. The backend is nginx with "
        "a fixed response."
    )
    return [
        Table("Requests per second", "/s", runs.rows("rate", NAMES, NAMES[:1]), note),
        Table("Latency, p50", "ms", runs.rows("p50", NAMES, NAMES[:1])),
        Table("Latency, p99", "ms", runs.rows("p99", NAMES, NAMES[:1])),
    ]
