"""A backend that writes down what reaches it, before it answers. It may be killed: what it wrote stays.

Its program is this file: `python -m rig.backend PORT FILE`.
"""

import asyncio
import json
import os
import pathlib
import sys
import time

from rig.processes import PROJECT, Program, free_port

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"


class Backend(Program):
    """Runs the program below, at the same port whenever it is started again."""

    def __init__(self, folder: pathlib.Path):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.record = folder / "backend.jsonl"
        self.start()

    def start(self):
        command = [sys.executable, "-m", "rig.backend", self.port, self.record]
        super().__init__(command, self.folder / "backend.log", {"PYTHONPATH": str(PROJECT / "tests")})
        self.listens(self.port)

    def seen(self) -> list[dict]:
        """Every request so far: `at`, by this machine's monotonic clock, `line`, and `headers` by their names."""
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text().splitlines()]


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: int):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *fields = head.rstrip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
            if length := int(headers.get("content-length", 0)):
                await reader.readexactly(length)
            seen = {"at": time.monotonic(), "line": line, "headers": headers}
            os.write(record, json.dumps(seen, separators=(",", ":")).encode() + b"\n")
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(port: str, path: str):
    record = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, record), "127.0.0.1", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
