"""A DNS server with names that a test chooses."""

import socketserver
import threading
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """Serves A records over UDP on loopback, as the authoritative server of every zone.

    `addresses` maps names to IPv4 addresses and may change at any time. Other names do not exist.
    """

    def __init__(self, addresses: dict[str, list[str]] | None = None, ttl_s: int = 0) -> None:
        self.addresses = addresses or {}
        self.ttl_s = ttl_s
        self.server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), self._handler())
        self.address = "{}:{}".format(*self.server.server_address)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def respond(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA

        question = query.question[0]
        addresses = self.addresses.get(question.name.to_text(omit_final_dot=True).lower())
        if addresses is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif addresses and question.rdtype == dns.rdatatype.A:
            response.answer.append(
                dns.rrset.from_text(question.name, self.ttl_s, "IN", "A", *addresses)
            )
        return response.to_wire()

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        names = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire, socket = self.request
                socket.sendto(names.respond(wire), self.client_address)

        return Handler
