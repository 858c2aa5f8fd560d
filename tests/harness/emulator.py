"""ministack, an emulator of AWS, on loopback."""

import os
import pathlib
import urllib.request

from harness.paths import MINISTACK
from harness.processes import Program, free_port, wait_until

REGION = "us-east-1"


class Ministack(Program):
    """The emulator with its files in `folder`.

    `settings` are added to its environment, which has nothing else of this process but the path.
    """

    def __init__(self, folder: pathlib.Path, settings: dict[str, str] | None = None) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AWS_ENDPOINT_URL": self.url,
            "MINISTACK_REGION": REGION,
            "IOT_MTLS_ENABLED": "0",
            "STATE_DIR": str(folder / "state"),
            "S3_DATA_DIR": str(folder / "s3"),
            **(settings or {}),
        }

        super().__init__([MINISTACK], folder / "ministack.log", environment, folder)
        self.wait_for_port(self.port)
        wait_until(self._is_healthy, 60, "the emulator is healthy")

    def _is_healthy(self) -> bool:
        return urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5).status == 200
