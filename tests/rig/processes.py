"""Programs that a soak or a drill starts, each with a log of its own, all gone at its end."""

import os
import pathlib
import signal
import socket
import subprocess
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
START_S = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(holds, seconds: float, what: str):
    """What `holds` returns, once it is true."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
    return found


class Program:
    """A running program. Use it in a `with` statement."""

    def __init__(self, command: list, log: pathlib.Path, environment: dict | None = None, folder=PROJECT):
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                env={**os.environ, **(environment or {})},
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        if self.process.poll() is None:
            # A stopped process takes no other signal.
            self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Asks it to end, and says how it did."""
        self.process.terminate()
        return self.process.wait(timeout=START_S)

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def listens(self, port: int):
        """Returns once it listens."""

        def connects() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.process.args[0]} ended: {self.log.read_text(errors='replace')[-2000:]}")
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", port)) == 0

        wait_until(connects, START_S, f"{self.process.args[0]} listens on {port}")


class Ministack(Program):
    """DynamoDB of this machine."""

    def __init__(self, folder: pathlib.Path):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "AWS_ENDPOINT_URL": self.url,
        }
        super().__init__([PROJECT / ".venv-ministack/bin/ministack"], folder / "ministack.log", environment)
        self.listens(self.port)
