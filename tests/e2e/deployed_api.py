"""Requests to the deployed API, with or without a SigV4 signature."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness import client
from harness.client import Response
from harness.emulator import REGION


class DeployedApi:
    """The default stage of an API. It is addressed by path: the emulator handles `/health` of the
    API's own host.
    """

    def __init__(self, api: str, port: int) -> None:
        self.host, self.port = f"127.0.0.1:{port}", port
        self.stage = f"/_aws/execute-api/{api}/$default"

    def request(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: object = None,
        credentials: Credentials | None = None,
    ) -> Response:
        """Sends a request. `body` is sent as JSON unless it is bytes. With `credentials`, the
        request is signed.
        """
        path = self.stage + path
        all_headers = {"host": self.host, **(headers or {})}
        payload = client.encode_body(body, all_headers)
        if isinstance(body, bytes):
            all_headers.setdefault("content-type", "application/json")

        if credentials:
            all_headers = signed_headers(
                method, f"http://{self.host}{path}", all_headers, payload, credentials
            )
        return client.call(self.port, method, path, all_headers, payload)


def signed_headers(
    method: str, url: str, headers: dict[str, str], body: bytes | None, credentials: Credentials
) -> dict[str, str]:
    request = AWSRequest(method, url, headers=headers, data=body)
    SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
    return dict(request.headers.items())
