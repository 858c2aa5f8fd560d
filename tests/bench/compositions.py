"""One response from three services: the composer, compared with servers that teams write in Node."""

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Iterator

from bench.builds import Programs
from bench.environment import BENCH, MeasurementError, run
from bench.pinned import (
    LOAD_CORE,
    SERVER_CORE,
    check_cores,
    pinned_server,
    resident_mib,
    run_on_load_core,
)
from bench.rows import Row, Runs, Table
from bench.tokens import divan_medians
from bench.wrk import load
from harness.client import call
from harness.processes import Program, free_port

ROUNDS = 5
DURATION_S = 3
CONNECTIONS = 32
# The time of each service in the measurement of latency.
DELAY_MS = 5
LATENCIES = 300
MEMORY_STEPS = [10_000, 250_000, 500_000, 1_000_000]
DEV_MEMORY_STEPS = [100, 500, 1_000]
PATH = "/bff/dashboard"
# The peers trust the header of an authorizer. The gateway verifies the key.
KEY = "benchmark-key-000000000001"
HEADERS = {"x-user-id": "user-1", "x-api-key": KEY}
SEEDS = {
    "plans": {"bench": {"throttle": {"rate": 1_000_000, "burst": 1_000_000}}},
    "keys": [{"key": KEY, "key_id": "bench", "plan": "bench", "subject": "user-1"}],
}
# The field of each service's response with the time that it took.
SERVED_US = "served_us"
BFF = BENCH / "bff"

COMPOSER, GATEWAY = "composer", "Tollgate's local gateway with the composer"
EXPRESS, FASTIFY = "Node: Express, axios", "Node: Fastify, undici"
NAMES = [COMPOSER, GATEWAY, EXPRESS, FASTIFY]
OURS = [COMPOSER, GATEWAY]
MERGES = {
    "checked": "check three bodies",
    "merged": "merge them",
    "merged_with_fields": "merge the selected fields",
    "merged_for_a_version": "merge them for an old version",
    "entity_tag_of_merged": "entity tag",
}
SCRIPTS = {EXPRESS: "express.mjs", FASTIFY: "fastify.mjs"}


@dataclasses.dataclass
class Server:
    """A running server."""

    program: Program
    port: int


@dataclasses.dataclass
class Servers:
    """The servers of one program: in front of services that respond at once, and of slower ones."""

    fast: Server
    slow: Server


def command(programs: Programs, name: str, port: int, url: str, seeds: str) -> list:
    """Returns the command of a server that calls services at a URL."""
    if name == COMPOSER:
        return [programs.benchmarks["compositions"], "composer", port, url]
    if name == GATEWAY:
        compositions = ["--compositions", BFF / "compositions.json", "--seeds", seeds]
        options = ["--listen", f"127.0.0.1:{port}", "--backend", url, *compositions]
        return [programs.binaries["tollgate"], *options]
    return ["/usr/bin/env", "NODE_ENV=production", "node", BFF / SCRIPTS[name], port, url]


@contextlib.contextmanager
def running(programs: Programs, names: list[str]) -> Iterator[dict[str, Servers]]:
    """Runs the services on one core, and all servers on the other."""
    with contextlib.ExitStack() as stack:
        seeds = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".json"))
        json.dump(SEEDS, seeds)
        seeds.flush()

        def start(core: str, program: list, port: int) -> Server:
            return Server(stack.enter_context(pinned_server(core, program, port)), port)

        def start_services(delay_ms: int) -> str:
            port = free_port()
            start(LOAD_CORE, [programs.benchmarks["compositions"], "backend", port, delay_ms], port)
            return f"http://127.0.0.1:{port}"

        def start_server(name: str, url: str) -> Server:
            port = free_port()
            return start(SERVER_CORE, command(programs, name, port, url, seeds.name), port)

        fast, slow = start_services(0), start_services(DELAY_MS)
        yield {name: Servers(start_server(name, fast), start_server(name, slow)) for name in names}


def response_body(port: int) -> dict:
    response = call(port, "GET", PATH, HEADERS)
    if response.status != 200:
        raise MeasurementError(f"unexpected status {response.status}: {response.body[:100]}")
    return response.json()


def check_responses(servers: dict[str, Servers]) -> None:
    """Fails if the servers do not merge the same response."""
    bodies = {}
    for name, them in servers.items():
        body = response_body(them.fast.port)
        for part in body.values():
            part.pop(SERVED_US, None)
        bodies[name] = json.dumps(body)

    different = [name for name, body in bodies.items() if body != bodies[COMPOSER]]
    if different:
        raise MeasurementError(f"another response than the composer: {', '.join(different)}")


def requests(server: Server) -> dict[str, float]:
    """Returns the requests per second, and the processor time of the server for each."""
    url = f"http://127.0.0.1:{server.port}{PATH}"
    return load(server.program, url, CONNECTIONS, DURATION_S, HEADERS)


def latency(programs: Programs, server: Server) -> dict[str, float]:
    """Returns percentiles of the time by which a response comes later than its slowest part."""
    client = [programs.benchmarks["compositions"], "latency", server.port, LATENCIES]
    return json.loads(run_on_load_core(client))


def memory(programs: Programs, server: Server) -> list[Row]:
    """Returns the resident memory of a server after so many requests."""
    rows, sent = [], 0
    for total in DEV_MEMORY_STEPS if programs.is_dev else MEMORY_STEPS:
        client = [programs.benchmarks["compositions"], "load", server.port, CONNECTIONS]
        client.append(total - sent)
        run_on_load_core(client, timeout_s=600)
        sent = total
        resident = resident_mib(server.program.process.pid)
        rows.append(Row(f"after {total:,} requests", [resident], True))
    return rows


def merge(programs: Programs) -> dict[str, float]:
    """Returns the time of each step of a merge, in microseconds, by benchmark."""
    medians = divan_medians(run([programs.benchmarks["merge"], "--bench"]))
    return {name: medians[(name, "")] for name in MERGES}


def measure(programs: Programs) -> list[Table]:
    check_cores()
    rates, latencies, merges = Runs(), Runs(), Runs()

    with running(programs, NAMES) as servers:
        check_responses(servers)
        rates.measure(
            {name: lambda them=them: requests(them.fast) for name, them in servers.items()}, ROUNDS
        )
        latencies.measure(
            {
                name: lambda them=them: latency(programs, them.slow)
                for name, them in servers.items()
            },
            ROUNDS,
        )
    with running(programs, [COMPOSER]) as servers:
        resident = memory(programs, servers[COMPOSER].fast)

    merges.measure({"merge": lambda: merge(programs)}, ROUNDS)
    return [*served_tables(rates, latencies), merge_table(merges), memory_table(resident)]


def served_tables(rates: Runs, latencies: Runs) -> list[Table]:
    rate_note = (
        "Three services respond with 3 kB in total. Each server has one core, and the load and the services have the "
        f"other one. `wrk` with {CONNECTIONS} connections. All servers merge the same response. The composer also "
        "checks the policy for each part, and its calls have a circuit breaker, a concurrency limit and retries. The "
        "gateway does the same work as the deployed system, from the API key and the plan to the access log. "
        "KrakenD is not measured, because the registries that peers are installed from do not have it."
    )
    processor_note = (
        "Of the server, in user mode and in the kernel. It depends less on the load of the machine than the rate."
    )
    latency_note = (
        f"Requests in turn. Each service takes {DELAY_MS} ms and reports its exact time. The row is the response time "
        "without the time of the slowest service."
    )
    above = "Response time above the slowest part"
    return [
        Table("Compositions per second", "/s", rates.rows("rate", NAMES, OURS), rate_note),
        Table(
            "Processor time per composition",
            "µs",
            rates.rows("processor", NAMES, OURS),
            processor_note,
        ),
        Table(f"{above}, p50", "ms", latencies.rows("p50", NAMES, OURS), latency_note),
        Table(f"{above}, p99", "ms", latencies.rows("p99", NAMES, OURS)),
    ]


def merge_table(merges: Runs) -> Table:
    rows = [
        Row(text, merges.values.get(name, {}).get("merge", []), True, merges.failures.get("merge", ""))
        for name, text in MERGES.items()
    ]
    note = "The steps between the last response of a service and the response to the client. Three bodies of 2 kB."
    return Table("Merging in one process", "µs", rows, note)


def memory_table(resident: list[Row]) -> Table:
    note = (
        "Resident memory of the composer behind a plain HTTP server. "
        f"{CONNECTIONS} connections. The goal is a flat line."
    )
    return Table("Composer memory, by number of requests", "MiB", resident, note)
