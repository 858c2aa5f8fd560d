"""Calls the admin API of a gateway."""

import secrets

from drills.drill import check
from harness.client import call
from harness.gateway import Gateway


def api(
    gateway: Gateway, method: str, path: str, body: object = None, managed_by: str | None = None
):
    """Calls the admin API. Retries with the same Idempotency-Key while the store is too slow."""
    headers = {"idempotency-key": secrets.token_hex(16)}
    if managed_by is not None:
        headers["x-tollgate-managed-by"] = managed_by
    for _ in range(5):
        response = call(gateway.port, method, f"/_tollgate/v1{path}", headers, body)
        if response.status != 503:
            break

    check(
        response.status in (200, 201),
        f"{method} {path} succeeds",
        f"{response.status} {response.body[:300]!r}",
    )
    return response.json()
