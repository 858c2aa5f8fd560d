"""A backend in a process of its own that records each request before it responds. It can be killed
and restarted.

The process runs this file: `python -m harness.recording_backend PORT FILE`.
"""

import asyncio
import json
import os
import pathlib
import sys
import time

from harness.paths import PROJECT
from harness.processes import Program, free_port

RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"


class RecordingBackend(Program):
    """Listens on the same port whenever it is started again. Its records survive."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.record = folder / "backend.jsonl"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "harness.recording_backend", self.port, self.record]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT / "tests")}
        super().__init__(command, self.folder / "backend.log", environment)
        self.wait_for_port(self.port)

    def requests(self) -> list[dict]:
        """Returns every request so far: `at`, in seconds of the monotonic clock, `line`, and
        `headers` in lower case.
        """
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text().splitlines()]


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: int) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *fields = head.rstrip().split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (field.partition(":") for field in fields)
            }
            if length := int(headers.get("content-length", 0)):
                await reader.readexactly(length)

            request = {"at": time.monotonic(), "line": line, "headers": headers}
            os.write(record, json.dumps(request, separators=(",", ":")).encode() + b"\n")

            writer.write(RESPONSE)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port: str, path: str) -> None:
    record = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = await asyncio.start_server(
        lambda reader, writer: serve(reader, writer, record), "127.0.0.1", int(port)
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
