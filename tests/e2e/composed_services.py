"""The services that the composer of the deployed stack calls, and the document that names them."""

import json
import socket
from typing import Self

from harness.echo_backend import Echo
from harness.http_server import HttpServer

# Nothing is sent to this address of TEST-NET-1. It selects the network that leads to other machines.
ELSEWHERE = ("192.0.2.1", 9)


class ComposedServices:
    """Two services that respond with the requests they receive. They can be stopped one by one.

    A deployed composer calls no loopback address, so they have an address of this machine's network.
    """

    def __init__(self) -> None:
        address = machine_address()
        self.orders, self.users = (HttpServer(Echo, address=address) for _ in range(2))

    def start(self) -> Self:
        self.orders.start()
        self.users.start()
        return self

    def stop(self) -> None:
        self.orders.stop()
        self.users.stop()

    def compositions(self) -> str:
        """Returns the document of compositions as JSON."""
        user = {"get": "/users/{user_id}", "service": "users", "fallback": {"name": "User"}}
        orders = {"get": "/orders?userId={user_id}", "fallback": {"items": []}}
        offers = {"get": "/offers/{user#/method}", "after": "user", "as": "promotions"}
        routes = {
            "GET /bff/dashboard": {"parts": {"user": user, "orders": orders, "offers": offers}},
            "GET /bff/charged": {"parts": {"user": user, "orders": orders}, "cost": "parts"},
            "GET /bff/reports": {"parts": {"reports": {"get": "/reports", "required": True}}},
            "POST /bff/orders": {"parts": {"order": {"post": "/orders"}, "user": user}},
        }
        services = {"default": {"url": self.orders.url}, "users": {"url": self.users.url}}
        return json.dumps({"services": services, "routes": routes})


def machine_address() -> str:
    """Returns the address of this machine in its network.

    Raises:
        OSError: the machine has no network.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(ELSEWHERE)
        return probe.getsockname()[0]
