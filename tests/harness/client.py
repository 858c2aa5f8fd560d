"""A small HTTP client: one connection per request."""

import dataclasses
import http.client
import json
import time

RESPONSE_TIMEOUT_S = 60


@dataclasses.dataclass
class Response:
    """A response. Names of headers are in lower case. `sent` and `received` are seconds of the
    monotonic clock.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    sent: float
    received: float

    def json(self):
        return json.loads(self.body)


def encode_body(body: object, headers: dict[str, str]) -> bytes | None:
    """Returns the body as bytes. A body that is neither text nor bytes becomes JSON."""
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    headers.setdefault("content-type", "application/json")
    return json.dumps(body).encode()


def call(
    port: int, method: str, path: str, headers: dict | None = None, body: object = None
) -> Response:
    """Sends a request to a port of this machine."""
    headers = dict(headers or {})
    payload = encode_body(body, headers)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=RESPONSE_TIMEOUT_S)

    sent = time.monotonic()
    try:
        connection.request(method, path, payload, headers)
        response = connection.getresponse()
        content = response.read()
        lower_case = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, lower_case, content, sent, time.monotonic())
    finally:
        connection.close()


def get(port: int, path: str, key: str | None = None, token: str | None = None) -> Response:
    headers = {}
    if key:
        headers["x-api-key"] = key
    if token:
        headers["authorization"] = f"Bearer {token}"
    return call(port, "GET", path, headers)
