"""What surrounds a function in its soak test: the tables on an emulator, an administrator, and
services over TLS.
"""

import asyncio
import contextlib
import json
import pathlib
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from harness.addresses import own_address
from harness.async_http import AsyncHttpServer, Request
from harness.client import call
from harness.echo_backend import self_signed_certificate
from harness.emulator import REGION, Ministack
from harness.gateway import Gateway

TABLES = {"REGISTRY_TABLE": "tollgate-registry", "USAGE_TABLE": "tollgate-usage"}
AWS_SETTINGS = {
    "AWS_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
# The emulator is slower than DynamoDB, and this test is not about deadlines.
DEADLINE_MS, ADMIN_DEADLINE_MS = "10000", "5000"
MAX_ATTEMPTS = 5
CERTIFICATE_BEGIN = b"-----BEGIN CERTIFICATE-----"


class AdministrationError(Exception):
    """The admin API refused a call."""


class World:
    """The surroundings of one function."""

    def __init__(self, folder: pathlib.Path, store: Ministack, admin: Gateway) -> None:
        self.folder, self.store, self.admin = folder, store, admin
        self.address = own_address()
        self.authority = folder / "authority.pem"

        key_and_certificate = folder / "services.pem"
        key_and_certificate.write_bytes(self_signed_certificate(self.address, is_authority=False))
        begin = key_and_certificate.read_bytes().index(CERTIFICATE_BEGIN)
        self.authority.write_bytes(key_and_certificate.read_bytes()[begin:])
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(key_and_certificate)

    def settings(self) -> dict[str, str]:
        """Returns the variables of a function that uses the tables."""
        return {
            **AWS_SETTINGS,
            **TABLES,
            "AWS_ENDPOINT_URL": self.store.url,
            "DECISION_DEADLINE_MS": DEADLINE_MS,
            "EXTRA_CA_CERTS": str(self.authority),
        }

    def services(self, handler: Callable[[Request], Awaitable[bytes]]) -> AsyncHttpServer:
        """Returns a server over TLS. In Lambda, functions call no service on loopback."""
        return AsyncHttpServer(handler, self.address, self.tls)

    async def administer(self, method: str, path: str, body: object = None) -> dict:
        """Calls the admin API, again if the store is too slow, and returns the response."""
        headers = {"idempotency-key": secrets.token_hex(16)}
        for _ in range(MAX_ATTEMPTS):
            answer = await asyncio.to_thread(
                call, self.admin.port, method, f"/_tollgate/v1{path}", headers, body
            )
            if answer.status < 500:
                break
        if answer.status not in (200, 201, 204):
            raise AdministrationError(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        return json.loads(answer.body) if answer.body else {}


@contextlib.asynccontextmanager
async def world(folder: pathlib.Path, seeds: dict) -> AsyncIterator[World]:
    """Starts the emulator and a local gateway, which creates the tables and administers them."""
    with Ministack(folder / "store") as store:
        options = {"endpoint": store.url, "parameters": {"DecisionDeadlineMs": ADMIN_DEADLINE_MS}}
        with Gateway(folder, "admin", seeds, **options) as admin:
            yield World(folder, store, admin)
