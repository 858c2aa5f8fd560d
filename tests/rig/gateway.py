"""The local gateway as its user starts it: a process."""

import json
import os
import pathlib

from rig.processes import PROJECT, Program, free_port

BINARY = pathlib.Path(os.environ.get("TOLLGATE", PROJECT / "target/release/tollgate"))


class Gateway(Program):
    """`tollgate serve` with seeds and a policy as values. `options` are further flags."""

    def __init__(
        self,
        folder: pathlib.Path,
        name: str,
        seeds: dict | None = None,
        policy: dict | None = None,
        endpoint: str | None = None,
        backend: str | None = None,
        parameters: dict | None = None,
        environment: dict | None = None,
        binary: pathlib.Path = BINARY,
        template: pathlib.Path = PROJECT / "template.yaml",
    ):
        self.port = free_port()
        command = [binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--template", template]
        for flag, value in (("seeds", seeds), ("policy", policy)):
            if value is not None:
                file = folder / f"{name}.{flag}.json"
                file.write_text(json.dumps(value))
                command += [f"--{flag}", file]
        for flag, value in (("endpoint", endpoint), ("backend", backend)):
            if value is not None:
                command += [f"--{flag}", value]
        for parameter, value in (parameters or {}).items():
            command += ["--parameter", f"{parameter}={value}"]
        super().__init__(command, folder / f"{name}.log", environment, folder)
        self.listens(self.port)

    def lines(self) -> list[dict]:
        """Its log so far, without the banner and a line that is being written."""
        whole = self.log.read_text(errors="replace").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def memory_kib(self) -> int:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
