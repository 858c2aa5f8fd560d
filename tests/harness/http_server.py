"""HTTP servers in threads of this process."""

import contextlib
import http.server
import socket
import ssl
import threading
from typing import Self

Handler = type[http.server.BaseHTTPRequestHandler]


class QuietHandler(http.server.BaseHTTPRequestHandler):
    """Logs nothing and keeps connections open."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def respond(self, body: bytes, content_type: str = "application/json", **headers: str) -> None:
        """Sends a 200 response. `_` in the name of a header stands for `-`."""
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """Knows its open connections, so that it can close them like a process that ends."""

    def __init__(self, address: tuple[str, int], handler: Handler) -> None:
        super().__init__(address, handler)
        self.connections: set[socket.socket] = set()

    def process_request(self, request: socket.socket, client_address: object) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self.connections):
            # The client may have closed it already.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class HttpServer:
    """A server on an address of this machine, by default on loopback. It can be stopped and started
    again on the same port.
    """

    def __init__(
        self, handler: Handler, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
    ) -> None:
        self.handler, self.tls, self.address = handler, tls, address
        self.port = 0
        self.server: Server | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        self.server = Server((self.address, self.port), self.handler)
        self.port = self.server.server_port
        if self.tls:
            plain = self.server.socket
            self.server.socket = self.tls.wrap_socket(
                plain, server_side=True, do_handshake_on_connect=False
            )

        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.close_connections()
            self.server.server_close()
            self.server = None
