"""A name server that the tests rule: it knows the names it is told, and no others."""

import socketserver
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """On UDP of loopback. `addresses` may change while it serves; every answer has a TTL of 0."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), self._handler())
        self.address = "{}:{}".format(*self.server.server_address)

    def start(self) -> "NameServer":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        question = query.question[0]
        addresses = self.addresses.get(question.name.to_text(omit_final_dot=True).lower())
        if addresses is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif addresses and question.rdtype == dns.rdatatype.A:
            response.answer.append(dns.rrset.from_text(question.name, 0, "IN", "A", *addresses))
        return response.to_wire()

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        names = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire, socket = self.request
                socket.sendto(names.answer(wire), self.client_address)

        return Handler
