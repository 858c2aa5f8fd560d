"""A small HTTP/1.1 server on asyncio, whose handler may also reset the connection."""

import asyncio
import contextlib
import dataclasses
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Self

# Without this option, closing a connection sends FIN. With it, it sends RST.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
MAX_HEAD_BYTES = 64 * 1024


@dataclasses.dataclass(slots=True)
class Request:
    """A request. `head` is its text as received, names in `headers` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    head: bytes


# Returns the complete response, or `None` to reset the connection.
Handler = Callable[[Request], Awaitable[bytes | None]]


def response(
    status: int, body: bytes, content_type: str = "application/json", **headers: str
) -> bytes:
    """Returns a complete response. `_` in the name of a header stands for `-`."""
    fields = {
        "content-type": content_type,
        "content-length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} -\r\n{head}\r\n".encode() + body


def parse_head(head: bytes) -> tuple[list[str], dict[str, str]]:
    """Returns the words of the first line, and the headers by their names in lower case."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    fields = (line.partition(":") for line in lines)
    return first.split(" ", 2), {name.lower(): value.strip() for name, _, value in fields}


async def read_request(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    words, headers = parse_head(head)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(words[0], words[1], headers, body, head)


class AsyncHttpServer:
    """Listens on a free port of an address while its `async with` statement runs."""

    def __init__(
        self, handler: Handler, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self.handler, self.address, self.tls = handler, address, tls
        self.server: asyncio.Server | None = None
        self.port = 0
        self.connections: set[asyncio.Task] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}"

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(
            self._serve, self.address, 0, ssl=self.tls, limit=MAX_HEAD_BYTES
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for connection in self.connections:
            connection.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self.connections.add(task)
        try:
            await self._answer_all(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.connections.discard(task)
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            answer = await self.handler(await read_request(reader))
            if answer is None:
                return reset(writer)
            writer.write(answer)
            await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes a connection so that its client sees a reset."""
    with contextlib.suppress(OSError, AttributeError):
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
