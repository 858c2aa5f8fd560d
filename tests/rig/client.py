"""Requests of a drill: one connection each, and what came back."""

import dataclasses
import http.client
import json
import time

PATIENCE_S = 60


@dataclasses.dataclass
class Answer:
    """An answer. `sent` and `answered` are by this machine's monotonic clock."""

    status: int
    headers: dict
    body: bytes
    sent: float
    answered: float

    def json(self):
        return json.loads(self.body)


def call(port: int, method: str, path: str, headers: dict | None = None, body=None) -> Answer:
    """A request to this machine; a `body` that is no text is sent as JSON."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
        headers.setdefault("content-type", "application/json")
    sent = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, text, sent, time.monotonic())
    finally:
        connection.close()


def get(port: int, path: str, key: str | None = None, token: str | None = None) -> Answer:
    headers = {}
    if key:
        headers["x-api-key"] = key
    if token:
        headers["authorization"] = f"Bearer {token}"
    return call(port, "GET", path, headers)
