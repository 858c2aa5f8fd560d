"""A cold start, under the Lambda runtime interface emulator of aws-sam-cli."""

import contextlib
import dataclasses
import http.client
import http.server
import io
import json
import pathlib
import re
import socketserver
import subprocess
import tempfile
import threading
import time
import zipfile

from processes import (
    AWS,
    BENCH,
    PROJECT,
    Failed,
    end,
    environment,
    free_port,
    http_server,
    ministack,
    run,
    server,
    wait_for,
)
from rows import Row, Runs, Table

ROUNDS = 5
RIE = ".venv/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64"
ISSUER, AUDIENCE = "https://issuer.example", "https://api.example"
SEEDS = {"plans": {"bench": {"throttle": {"rate": 100, "burst": 1000}}}}
OURS = ["authorizer", "alb-sync", "limiter", "metrics-publisher"]
ROWS = [
    *OURS,
    "Rust, doing nothing",
    "Node: jose, AWS SDK",
    "Node: aws-jwt-verify, AWS SDK",
    "Python: PyJWT, Powertools, boto3",
]
NODE, PYTHON = BENCH / "node", BENCH / "python"
# Of the folder of modules, what one authorizer does not need.
NOT_FOR_JOSE = ["aws-jwt-verify", "rate-limiter-flexible"]
NOT_FOR_AWS_JWT_VERIFY = ["jose", "rate-limiter-flexible"]


@dataclasses.dataclass
class Function:
    """How Lambda would start it, what it is asked, and what of it would be deployed."""

    command: list
    event: dict
    settings: dict
    package: list[tuple[pathlib.Path, list[str]]]
    expected: str


class Names(socketserver.BaseRequestHandler):
    """A name server that answers every question for addresses with three of them, as the zone's own."""

    def handle(self):
        query, socket = self.request
        end = query.index(b"\0", 12) + 5
        asks_ipv4 = query[end - 4 : end - 2] == b"\0\1"
        answers = (
            [b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([10, 0, 0, last]) for last in (1, 2, 3)] if asks_ipv4 else []
        )
        head = query[:2] + b"\x85\x80\0\1" + len(answers).to_bytes(2, "big") + b"\0\0\0\0"
        socket.sendto(head + query[12:end] + b"".join(answers), self.client_address)


@contextlib.contextmanager
def name_server():
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Names) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_address[1]
        serving.shutdown()


def key_sets(document: str) -> type[http.server.BaseHTTPRequestHandler]:
    class KeySets(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(document)))
            self.end_headers()
            self.wfile.write(document.encode())

        def log_message(self, *_):
            pass

    return KeySets


def tables(tollgate: pathlib.Path, url: str):
    """The template's tables with the plan, as the local gateway makes them."""
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as seeds:
        json.dump(SEEDS, seeds)
        seeds.flush()
        with server([tollgate, "--listen", f"127.0.0.1:{port}", "--endpoint", url, "--seeds", seeds.name], port):
            pass


def target_group(url: str) -> str:
    script = (
        "import boto3, sys; group = boto3.client('elbv2', endpoint_url=sys.argv[1]).create_target_group("
        "Name='bench', Protocol='TCP', Port=443, VpcId='vpc-1', TargetType='ip');"
        "print(group['TargetGroups'][0]['TargetGroupArn'])"
    )
    return run([PROJECT / ".venv-ministack/bin/python", "-c", script, url], environment(**AWS)).strip()


def event(name: str) -> dict:
    return json.loads((PROJECT / "events" / f"{name}.json").read_text())


def functions(built, url: str, keys_url: str, keys: dict, names: int, token: str) -> dict[str, Function]:
    tables_of = {"REGISTRY_TABLE": "tollgate-registry", "USAGE_TABLE": "tollgate-usage"}
    # The others have no deadline, and an emulator takes its time: nobody is to give up here.
    settings = {**AWS, **tables_of, "AWS_ENDPOINT_URL": url, "DECISION_DEADLINE_MS": "10000"}
    authorize = event("authorizer.token")
    authorize["headers"]["authorization"] = f"Bearer {token}"
    of_peers = {**settings, "ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "JWKS_URI": keys_url}
    return {
        **of_rust(built, settings, authorize, keys, names),
        "Node: jose, AWS SDK": of_node("jose", NOT_FOR_JOSE, of_peers, authorize),
        "Node: aws-jwt-verify, AWS SDK": of_node("aws-jwt-verify", NOT_FOR_AWS_JWT_VERIFY, of_peers, authorize),
        "Python: PyJWT, Powertools, boto3": of_python(of_peers, authorize),
    }


def of_rust(built, settings: dict, authorize: dict, keys: dict, names: int) -> dict[str, Function]:
    # In Lambda's environment the authorizer refuses keys on loopback, so they are in its policy.
    issuer = {"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": keys, "plan_claim": "plan"}
    policy = {"issuers": [issuer], "rules": [{"match": "ANY /{proxy+}", "auth": "jwt"}]}
    group = target_group(settings["AWS_ENDPOINT_URL"])
    targets = [{"name": "a.example", "target_group_arn": group, "port": 8443}]
    sync = {"SYNC_TARGETS": json.dumps(targets), "DNS_SERVERS": f"127.0.0.1:{names}"}
    decide = event("limiter.decide")
    decide["body"] = json.dumps({"subject": "alice", "plan": "bench", "route": "GET /orders"})
    asked = {
        "authorizer": (authorize, {"AUTH_POLICY": json.dumps(policy)}, '"decision":"allowed"'),
        "alb-sync": (event("alb-sync.scheduled"), sync, '"complete":true'),
        "limiter": (decide, {}, "allowed"),
        "metrics-publisher": (event("metrics-publisher.records"), {}, '"accepted":3'),
        "nothing": (authorize, {}, '"isAuthorized":true'),
    }
    found = {}
    for name, (what, more, expected) in asked.items():
        program = built.programs[name]
        row = "Rust, doing nothing" if name == "nothing" else name
        found[row] = Function([program], what, {**settings, **more}, [(program, [])], expected)
    return found


def of_node(verifier: str, unused: list[str], settings: dict, authorize: dict) -> Function:
    """With a minimal loop: the runtime's own client has to be compiled for it."""
    package = [(NODE / "authorizer.mjs", []), (NODE / "verify.mjs", []), (NODE / "node_modules", unused)]
    command = ["/usr/bin/env", "node", NODE / "authorizer.mjs"]
    return Function(command, authorize, {**settings, "VERIFIER": verifier}, package, '"decision":"allowed"')


def of_python(settings: dict, authorize: dict) -> Function:
    """With the runtime's own client."""
    modules = next(PYTHON.glob(".venv/lib/python3*/site-packages"))
    package = [(PYTHON / "authorizer.py", []), (modules, [])]
    command = [PYTHON / ".venv/bin/python", "-m", "awslambdaric", "authorizer.handler"]
    return Function(command, authorize, {**settings, "PYTHONPATH": str(PYTHON)}, package, '"decision": "allowed"')


def package_mb(function: Function) -> float:
    """The zip that would be uploaded. An interpreter is Lambda's own."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as deflated:
        for path, unused in function.package:
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            for file in files:
                relative = file.relative_to(path.parent)
                if not set(unused) & set(relative.parts) and "__pycache__" not in relative.parts:
                    deflated.write(file, relative)
    return archive.tell() / 1e6


def cold_start(function: Function) -> dict[str, float]:
    """The emulator starts a function when its first call comes, and says how long that took."""
    rie = next(PROJECT.glob(RIE))
    port, runtime = free_port(), free_port()
    addresses = [
        "--runtime-interface-emulator-address",
        f"127.0.0.1:{port}",
        "--runtime-api-address",
        f"127.0.0.1:{runtime}",
    ]
    with tempfile.TemporaryFile("w+") as log:
        emulator = subprocess.Popen(
            [str(part) for part in [rie, *addresses, *function.command]],
            env=environment(**function.settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_for(port, emulator)
            took, answer = call(port, function.event)
            # A JSON answer may hold an answer as text.
            if function.expected not in answer.replace("\\", ""):
                raise Failed(f"answered {answer[:150]}")
            peak = peak_memory_mib(emulator.pid)
        finally:
            end(emulator)
        log.seek(0)
        started = re.search(r"INIT REPORT\(durationMs: ([\d.]+)\)", log.read())
    if not started:
        raise Failed("the emulator reports no start")
    return {"start": float(started[1]), "answer": took * 1e3, "memory": peak}


def call(port: int, asked: dict) -> tuple[float, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    began = time.perf_counter()
    connection.request("POST", "/2015-03-31/functions/function/invocations", json.dumps(asked))
    answer = connection.getresponse().read().decode()
    took = time.perf_counter() - began
    connection.close()
    return took, answer


def peak_memory_mib(emulator: int) -> float:
    """Of the function: the emulator's children and theirs."""
    children = [
        int(child)
        for child in pathlib.Path(f"/proc/{emulator}/task").glob("*/children")
        for child in child.read_text().split()
    ]
    own = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{emulator}/status").read_text())
    below = sum(peak_memory_mib(child) for child in children)
    return below or int(own[1]) / 1024


def measure(built) -> list[Table]:
    minted = run(
        [
            PYTHON / ".venv/bin/python",
            PYTHON / "mint.py",
            PROJECT / "tests/vectors/keys/RS256.pem",
            ISSUER,
            AUDIENCE,
            "bench",
        ]
    )
    minted = json.loads(minted)
    runs = Runs()
    with ministack() as port, name_server() as names, http_server(key_sets(json.dumps(minted["jwks"]))) as keys:
        url = f"http://127.0.0.1:{port}"
        tables(built.programs["tollgate"], url)
        found = functions(built, url, f"http://127.0.0.1:{keys}/jwks.json", minted["jwks"], names, minted["token"])
        runs.measure({name: lambda name=name: cold_start(found[name]) for name in ROWS}, ROUNDS)
    packages = [Row(name, [package_mb(found[name])], name in OURS) for name in ROWS if name not in runs.failures]
    decisions = (
        "An authorizer's first real answer is a whole decision: a token checked, a plan read, a charge written, on an "
        "emulator. The peers fetch the signing keys from this machine. Tollgate has them in its policy, because in "
        "Lambda's environment it refuses keys on loopback."
    )
    return [
        Table(
            "Start-up",
            "ms",
            runs.rows("start", ROWS, OURS),
            "By the emulator's own report, from the start of the process to its asking for an event.",
        ),
        Table("Start-up and first real answer", "ms", runs.rows("answer", ROWS, OURS), decisions),
        Table("Peak memory", "MiB", runs.rows("memory", ROWS, OURS), "Resident, after the first answer."),
        Table("Package", "MB", packages, "Zipped; an interpreter is Lambda's own."),
    ]
