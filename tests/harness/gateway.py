"""The local gateway, started as a user starts it."""

import json
import os
import pathlib

from harness.paths import GATEWAY, PROJECT
from harness.processes import Program, free_port


class Gateway(Program):
    """`tollgate serve` on a free port. `seeds`, `policy` and `compositions` are documents,
    `environment` is added to this process's.
    """

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
        binary: pathlib.Path = GATEWAY,
        template: pathlib.Path = PROJECT / "template.yaml",
        compositions: dict | None = None,
    ) -> None:
        self.port = free_port()
        command = [binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--template", template]

        documents = {"seeds": seeds, "policy": policy, "compositions": compositions}
        for flag, document in documents.items():
            if document is not None:
                file = folder / f"{name}.{flag}.json"
                file.write_text(json.dumps(document))
                command += [f"--{flag}", file]
        for flag, value in (("endpoint", endpoint), ("backend", backend)):
            if value is not None:
                command += [f"--{flag}", value]
        for parameter, value in (parameters or {}).items():
            command += ["--parameter", f"{parameter}={value}"]

        super().__init__(
            command, folder / f"{name}.log", {**os.environ, **(environment or {})}, folder
        )
        self.wait_for_port(self.port)

    def log_records(self) -> list[dict]:
        """Returns the JSON lines of the log so far. The banner and an incomplete last line are
        skipped.
        """
        complete = self.log.read_text(errors="replace").rpartition("\n")[0]
        return [json.loads(line) for line in complete.splitlines() if line.startswith("{")]

    def memory_kib(self) -> int:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(
            int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")
        )

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
