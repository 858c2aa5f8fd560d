"""A TCP proxy that can stop responding."""

import contextlib
import socket
import threading


class Forwarder:
    """Forwards connections to a port of this machine. While `is_hanging`, it reads requests and
    forwards nothing.
    """

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port, self.is_hanging = upstream_port, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                upstream = socket.create_connection(("127.0.0.1", self.upstream_port))
                for source, sink in ((client, upstream), (upstream, client)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.is_hanging:
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
