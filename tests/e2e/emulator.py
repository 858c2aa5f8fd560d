"""ministack on loopback, with everything it keeps in a folder of its own."""

import os
import pathlib
import subprocess
import urllib.request

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

from .processes import PROJECT, free_port, stop, until

REGION = "us-east-1"
# What the emulator takes for the account's owner, with policies in force or without.
OWNER = Credentials("test", "test")
PATIENT = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=60)


class Emulator:
    """`enforces`: whether policies of IAM decide. `authority`: the certificate that backends are trusted by."""

    def __init__(self, folder: pathlib.Path, authority: pathlib.Path, enforces: bool) -> None:
        self.folder, self.authority, self.enforces = folder, authority, enforces
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "ministack.log"

    def start(self) -> "Emulator":
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(PROJECT / ".venv-ministack" / "bin" / "ministack")], cwd=self.folder, env=self._environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )
        try:
            until(self._answers, "ministack's first answer", 60)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        stop(self.process)

    def client(self, service: str, credentials: Credentials = OWNER):
        """A client of boto3."""
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.url, config=PATIENT,
            aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key,
        )

    def caller(self) -> dict[str, str]:
        """The environment of programs that call the emulator for the account's owner, and nobody else."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "AWS_ACCESS_KEY_ID": OWNER.access_key, "AWS_SECRET_ACCESS_KEY": OWNER.secret_key,
            "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.url,
            "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "SAM_CLI_TELEMETRY": "0",
        }

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"ministack has ended:\n{self.log.read_text()}")
        return urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5).status == 200

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(self.folder),
            "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port), "AWS_ENDPOINT_URL": self.url,
            "MINISTACK_REGION": REGION, "IOT_MTLS_ENABLED": "0", "AUTH": str(self.enforces).lower(),
            "STATE_DIR": str(self.folder / "state"), "S3_DATA_DIR": str(self.folder / "s3"),
            "SSL_CERT_FILE": str(self.authority),
        }
