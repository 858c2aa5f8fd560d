"""Processes and servers on loopback: started for a measurement, gone with it."""

import contextlib
import http.server
import os
import pathlib
import socket
import subprocess
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BENCH = PROJECT / "tests" / "bench"
TARGET = PROJECT / "target" / "bench"
PATIENCE_S = 60
AWS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    # The SDK for Node would tell of Node versions to come at each start.
    "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
}


class Failed(Exception):
    """A measurement that could not be made."""


class NoAnswer(Failed):
    """A measurement that says that there is none to have."""


def environment(**more: str) -> dict[str, str]:
    """Nothing of this process's but the way to interpreters."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            raise Failed(f"{process.args[0]} ended with {process.returncode}")
        time.sleep(0.02)
    raise Failed(f"{process.args[0]} does not listen after {PATIENCE_S} s")


@contextlib.contextmanager
def server(arguments: list, port: int, env: dict[str, str] | None = None, cwd=None):
    """A process that listens on a port of this machine."""
    process = subprocess.Popen(
        [str(argument) for argument in arguments],
        env=env or environment(),
        cwd=cwd or PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(arguments: list, env: dict[str, str] | None = None, timeout: float = 120, cwd=None) -> str:
    """A process that prints and ends; what it printed."""
    arguments = [str(argument) for argument in arguments]
    done = subprocess.run(
        arguments, env=env or environment(), cwd=cwd or PROJECT, timeout=timeout, capture_output=True, text=True
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing on standard error"]
        raise Failed(f"{pathlib.Path(arguments[0]).name} ended with {done.returncode}: {lines[-1]}")
    return done.stdout


@contextlib.contextmanager
def ministack():
    """The emulator of AWS; its port."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "0", "AWS_ENDPOINT_URL": url}
    with server([PROJECT / ".venv-ministack/bin/ministack"], port, environment(**settings)):
        yield port


@contextlib.contextmanager
def http_server(handler: type[http.server.BaseHTTPRequestHandler]):
    """A server of this process; its port."""
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    serving.daemon_threads = True
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    try:
        yield serving.server_port
    finally:
        serving.shutdown()
        serving.server_close()


class Forwarder:
    """Passes bytes on to a port of this machine, until it is told to hang: then it reads, and nothing else happens."""

    def __init__(self, upstream: int):
        self.upstream, self.hanging = upstream, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                upstream = socket.create_connection(("127.0.0.1", self.upstream))
                for source, sink in ((client, upstream), (upstream, client)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source: socket.socket, sink: socket.socket):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.hanging:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()
