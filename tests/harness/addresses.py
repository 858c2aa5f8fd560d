"""Addresses of this machine."""

import contextlib
import socket


def own_address() -> str:
    """Returns an address of this machine, which is not loopback unless it has no other. In Lambda,
    the composer calls no service on loopback.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        # Only selects a source address. Nothing is sent to this address for documentation.
        with contextlib.suppress(OSError):
            route.connect(("198.51.100.1", 9))
        address = route.getsockname()[0]
    return address if address != "0.0.0.0" else "127.0.0.1"
