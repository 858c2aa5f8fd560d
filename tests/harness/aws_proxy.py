"""A proxy between clients of AWS and its emulator, which knows operations, tables and items."""

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable

from harness.async_http import AsyncHttpServer, Request, parse_head

Forward = Callable[[], Awaitable[bytes]]


@dataclasses.dataclass(slots=True)
class AwsRequest:
    """A request to DynamoDB, or to another service if `operation` is empty."""

    operation: str
    tables: frozenset[str]
    # The partition key of the item of a request with one item, otherwise empty.
    item: str
    request: Request


# Returns the response to the client, or `None` to reset the connection.
Handler = Callable[[AwsRequest, Forward], Awaitable[bytes | None]]


def describe(request: Request) -> AwsRequest:
    target = request.headers.get("x-amz-target", "")
    if not target.startswith("DynamoDB_"):
        return AwsRequest("", frozenset(), "", request)
    body = json.loads(request.body)
    item = body.get("Key", {}).get("id", {}).get("S", "")
    return AwsRequest(target.partition(".")[2], frozenset(table_names(body)), item, request)


def table_names(body: dict) -> set[str]:
    """Returns the tables that a request reads or writes."""
    if name := body.get("TableName"):
        return {name}
    names = set(body.get("RequestItems", {}))
    for transaction in body.get("TransactItems", []):
        names |= {action["TableName"] for action in transaction.values()}
    return names


class AwsProxy:
    """Forwards each request over a connection of its own, as `handler` decides."""

    def __init__(self, upstream_port: int, handler: Handler) -> None:
        self.upstream_port, self.handler = upstream_port, handler
        self.server = AsyncHttpServer(self._handle)

    @property
    def url(self) -> str:
        return self.server.url

    async def __aenter__(self) -> "AwsProxy":
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.__aexit__()

    async def _handle(self, request: Request) -> bytes | None:
        described = describe(request)
        return await self.handler(described, lambda: forward(self.upstream_port, request))


async def forward(port: int, request: Request) -> bytes:
    """Sends a request to a port of this machine and returns its complete response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request.head + request.body)
        head = await reader.readuntil(b"\r\n\r\n")
        headers = parse_head(head)[1]
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return head + await read_chunks(reader)
        return head + await reader.readexactly(int(headers.get("content-length", "0")))
    finally:
        writer.close()


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    """Returns a chunked body as it was sent."""
    parts = []
    while True:
        line = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(line.split(b";")[0], 16) + 2)
        parts += [line, chunk]
        if line.strip().split(b";")[0] == b"0":
            return b"".join(parts)
