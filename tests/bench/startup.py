"""Cold starts of functions behind AWS's Lambda runtime interface emulator."""

import dataclasses
import io
import json
import pathlib
import re
import tempfile
import zipfile

from bench.builds import Programs
from bench.environment import (
    AWS_VARIABLES,
    BENCH,
    MeasurementError,
    ministack,
    run,
    server,
    variables,
)
from bench.rows import Row, Runs, Table
from harness.addresses import own_address
from harness.http_server import Handler, HttpServer, QuietHandler
from harness.lambda_runtime import LambdaRuntime
from harness.name_server import NameServer
from harness.paths import PROJECT, TOOLS
from harness.processes import free_port

ROUNDS = 5
# alb-sync follows this name, which has three addresses and a TTL of one minute.
NAMES = {"a.example": ["10.0.0.1", "10.0.0.2", "10.0.0.3"]}
NAME_TTL_S = 60
ISSUER, AUDIENCE = "https://issuer.example", "https://api.example"
SEEDS = {"plans": {"bench": {"throttle": {"rate": 100, "burst": 1000}}}}
OURS = ["authorizer", "alb-sync", "composer", "limiter", "metrics-publisher"]
ROWS = [
    *OURS,
    "Rust, empty function",
    "Node: jose, AWS SDK",
    "Node: aws-jwt-verify, AWS SDK",
    "Python: PyJWT, Powertools, boto3",
]
COMPOSITIONS = {
    "routes": {
        "GET /bff/dashboard": {
            "parts": {
                "user": {"get": "/users/{user_id}", "fallback": {"name": "User"}},
                "orders": {"get": "/orders?userId={user_id}&limit=5"},
                "products": {"get": "/products/recommended"},
            }
        }
    }
}
NODE, PYTHON = BENCH / "node", BENCH / "python"
# Modules that each Node authorizer does not need.
NOT_FOR_JOSE = ["aws-jwt-verify", "rate-limiter-flexible"]
NOT_FOR_AWS_JWT_VERIFY = ["jose", "rate-limiter-flexible"]


@dataclasses.dataclass
class Function:
    """A function: command, first event, environment, deployed files, and a part of the expected
    response.
    """

    command: list
    event: dict
    settings: dict
    package: list[tuple[pathlib.Path, list[str]]]
    expected: str


def key_set_handler(document: str) -> Handler:
    class KeySet(QuietHandler):
        def do_GET(self) -> None:
            self.respond(document.encode())

    return KeySet


class Services(QuietHandler):
    """Responds to each part of a composition."""

    def do_GET(self) -> None:
        self.respond(b'{"items":[]}')


def create_tables(tollgate: pathlib.Path, url: str) -> None:
    """Creates the template's tables and a plan by starting the local gateway."""
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as seeds:
        json.dump(SEEDS, seeds)
        seeds.flush()
        with server(
            [tollgate, "--listen", f"127.0.0.1:{port}", "--endpoint", url, "--seeds", seeds.name],
            port,
        ):
            pass


def create_target_group(url: str) -> str:
    script = (
        "import boto3, sys; group = boto3.client('elbv2', endpoint_url=sys.argv[1]).create_target_group("
        "Name='bench', Protocol='TCP', Port=443, VpcId='vpc-1', TargetType='ip');"
        "print(group['TargetGroups'][0]['TargetGroupArn'])"
    )
    return run([TOOLS / "python", "-c", script, url], variables(**AWS_VARIABLES)).strip()


def event(name: str) -> dict:
    return json.loads((PROJECT / "events" / f"{name}.json").read_text())


def functions(
    programs: Programs,
    url: str,
    keys_url: str,
    keys: dict,
    names: NameServer,
    services_url: str,
    token: str,
) -> dict[str, Function]:
    tables_of = {"REGISTRY_TABLE": "tollgate-registry", "USAGE_TABLE": "tollgate-usage"}
    # The peers have no deadline, and the emulator is slow. Tollgate must not time out here either.
    settings = {
        **AWS_VARIABLES,
        **tables_of,
        "AWS_ENDPOINT_URL": url,
        "DECISION_DEADLINE_MS": "10000",
    }

    authorize = event("authorizer.token")
    authorize["headers"]["authorization"] = f"Bearer {token}"
    peer_settings = {**settings, "ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "JWKS_URI": keys_url}
    return {
        **rust_functions(programs, settings, authorize, keys, names, services_url),
        "Node: jose, AWS SDK": node_function("jose", NOT_FOR_JOSE, peer_settings, authorize),
        "Node: aws-jwt-verify, AWS SDK": node_function(
            "aws-jwt-verify", NOT_FOR_AWS_JWT_VERIFY, peer_settings, authorize
        ),
        "Python: PyJWT, Powertools, boto3": python_function(peer_settings, authorize),
    }


def rust_functions(
    programs: Programs,
    settings: dict,
    authorize: dict,
    keys: dict,
    names: NameServer,
    services_url: str,
) -> dict[str, Function]:
    # In Lambda, the authorizer rejects a JWK set on loopback. The keys are therefore in its policy.
    issuer = {"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": keys, "plan_claim": "plan"}
    policy = {"issuers": [issuer], "rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}]}
    group = create_target_group(settings["AWS_ENDPOINT_URL"])
    target = {"name": "a.example", "target_group_arn": group, "port": 8443, "answers": "whole"}
    sync_settings = {"SYNC_TARGETS": json.dumps([target]), "DNS_SERVERS": names.address}

    compositions = {
        "COMPOSITIONS": json.dumps(COMPOSITIONS),
        "BACKEND_URL": services_url,
        "AUTH_POLICY": json.dumps({"rules": [{"match": "ANY /{proxy+}", "auth": "any"}]}),
    }

    decide = event("limiter.decide")
    decide["body"] = json.dumps({"subject": "alice", "plan": "bench", "route": "GET /orders"})

    cases = {
        "authorizer": (authorize, {"AUTH_POLICY": json.dumps(policy)}, '"decision":"allowed"'),
        "alb-sync": (event("alb-sync.scheduled"), sync_settings, '"complete":true'),
        "composer": (event("composer.partial"), compositions, '"statusCode":200'),
        "limiter": (decide, {}, "allowed"),
        "metrics-publisher": (event("metrics-publisher.records"), {}, '"accepted":3'),
        "nothing": (authorize, {}, '"isAuthorized":true'),
    }
    found = {}
    for name, (first_event, more, expected) in cases.items():
        program = programs.binaries[name]
        row = "Rust, empty function" if name == "nothing" else name
        found[row] = Function(
            [program], first_event, {**settings, **more}, [(program, [])], expected
        )
    return found


def node_function(verifier: str, unused: list[str], settings: dict, authorize: dict) -> Function:
    """A Node authorizer with a minimal runtime loop, because Lambda's own client would have to be
    compiled.
    """
    package = [
        (NODE / "authorizer.mjs", []),
        (NODE / "verify.mjs", []),
        (NODE / "node_modules", unused),
    ]
    command = ["/usr/bin/env", "node", NODE / "authorizer.mjs"]
    return Function(
        command, authorize, {**settings, "VERIFIER": verifier}, package, '"decision":"allowed"'
    )


def python_function(settings: dict, authorize: dict) -> Function:
    """A Python authorizer with Lambda's own runtime client."""
    modules = next(PYTHON.glob(".venv/lib/python3*/site-packages"))
    package = [(PYTHON / "authorizer.py", []), (modules, [])]
    command = [PYTHON / ".venv/bin/python", "-m", "awslambdaric", "authorizer.handler"]
    return Function(
        command,
        authorize,
        {**settings, "PYTHONPATH": str(PYTHON)},
        package,
        '"decision": "allowed"',
    )


def package_mb(function: Function) -> float:
    """Returns the size of the archive that would be deployed. Interpreters are part of Lambda."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as deflated:
        for path, unused in function.package:
            files = (
                [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            )
            for file in files:
                relative = file.relative_to(path.parent)
                if not set(unused) & set(relative.parts) and "__pycache__" not in relative.parts:
                    deflated.write(file, relative)
    return archive.tell() / 1e6


def cold_start(function: Function) -> dict[str, float]:
    """Measures a start. The emulator starts a function when the first event arrives, and reports
    the duration.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with LambdaRuntime(function.command, variables(**function.settings), log) as runtime:
            response, duration_s = runtime.invoke(function.event)
            # A response in JSON may contain another one as text.
            if function.expected not in response.replace("\\", ""):
                raise MeasurementError(f"unexpected response {response[:150]}")
            peak_mib = peak_memory_mib(runtime.process.pid)
        starts_ms = runtime.init_durations_ms()

    if not starts_ms:
        raise MeasurementError("the emulator reports no start")
    return {"start": starts_ms[0], "answer": duration_s * 1e3, "memory": peak_mib}


def peak_memory_mib(pid: int) -> float:
    """Returns the peak memory of the descendants of a process, or of the process if it has none."""
    children = [
        int(child)
        for child in pathlib.Path(f"/proc/{pid}/task").glob("*/children")
        for child in child.read_text().split()
    ]
    own_kib = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    descendants_mib = sum(peak_memory_mib(child) for child in children)
    return descendants_mib or int(own_kib[1]) / 1024


def measure(programs: Programs) -> list[Table]:
    output = run(
        [
            PYTHON / ".venv/bin/python",
            PYTHON / "mint.py",
            PROJECT / "tests/vectors/keys/RS256.pem",
            ISSUER,
            AUDIENCE,
            "bench",
        ]
    )
    minted = json.loads(output)
    runs = Runs()
    names, keys = (
        NameServer(NAMES, NAME_TTL_S),
        HttpServer(key_set_handler(json.dumps(minted["jwks"]))),
    )
    services = HttpServer(Services, address=own_address())
    with ministack() as emulator, names, keys, services:
        create_tables(programs.binaries["tollgate"], emulator.url)
        found = functions(
            programs,
            emulator.url,
            f"{keys.url}/jwks.json",
            minted["jwks"],
            names,
            services.url,
            minted["token"],
        )
        runs.measure({name: lambda name=name: cold_start(found[name]) for name in ROWS}, ROUNDS)

    packages = [
        Row(name, [package_mb(found[name])], name in OURS)
        for name in ROWS
        if name not in runs.failures
    ]
    decisions = (
        "For an authorizer, the first real response is a complete decision on an emulator: verify a token, read a plan "
        "and write a charge. The peers fetch the signing keys from this machine. Tollgate has them in its policy, "
        "because inside Lambda it rejects signing keys from loopback addresses. For the composer it is a response with "
        "three parts, whose services are on this machine."
    )
    return [
        Table(
            "Startup",
            "ms",
            runs.rows("start", ROWS, OURS),
            "Reported by the emulator: from the start of the process until it requests an event.",
        ),
        Table("Startup and first real response", "ms", runs.rows("answer", ROWS, OURS), decisions),
        Table(
            "Peak memory",
            "MiB",
            runs.rows("memory", ROWS, OURS),
            "Peak resident memory, after the first response.",
        ),
        Table("Package", "MB", packages, "Size of the zip. Lambda provides the interpreters."),
    ]
