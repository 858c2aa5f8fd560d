"""Requests to the deployed API, plain and signed."""

import dataclasses
import http.client
import json

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .emulator import REGION


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


class Gateway:
    """An API's default stage. Under its own host, the emulator would keep `/health` to itself."""

    def __init__(self, api: str, port: int) -> None:
        self.host, self.port = f"127.0.0.1:{port}", port
        self.stage = f"/_aws/execute-api/{api}/$default"

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: object = None,
        credentials: Credentials | None = None,
    ) -> Answer:
        """`body` is sent as JSON, or as it is where it is bytes; with `credentials` the request is signed."""
        path = self.stage + path
        sent = {"host": self.host, **(headers or {})}
        payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if body is not None:
            sent.setdefault("content-type", "application/json")
        if credentials:
            sent = signed(method, f"http://{self.host}{path}", sent, payload, credentials)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            connection.request(method, path, payload, sent)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()


def signed(method: str, url: str, headers: dict[str, str], body: bytes | None, credentials: Credentials) -> dict:
    request = AWSRequest(method, url, headers=headers, data=body)
    SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    return dict(request.headers.items())
