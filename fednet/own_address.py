"""The address at which others reach a server of this machine that listens on all of its addresses."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from fednet.addresses import host_of, is_loopback, is_wildcard, loopback_of

if TYPE_CHECKING:
    from collections.abc import Sequence

# Addresses for documentation (RFC 5737, RFC 3849): the route to them is that to any other machine.
_ELSEWHERE: Final = ("192.0.2.1", "2001:db8::1")
_ANY_PORT: Final = 9


def advertised_host(listening: str, given: str | None = None, peers: Sequence[str] = ()) -> str:
    """Return the host that a server tells others.

    It is the given one, else the one that the server listens on. If that is a wildcard (0.0.0.0 or ::), it is the
    address that the first reachable peer sees of this machine, or else the address of the route to other machines.
    No packet is sent for that.

    Args:
        listening: The host that the server listens on.
        given: The host from the settings, if there is one.
        peers: URLs, or addresses `host:port`, of those who have to reach the server.
    """
    if given or not is_wildcard(listening):
        return given or listening
    seen = [_source_towards(peer, listening) for peer in (*map(host_of, peers), *_ELSEWHERE)]
    return next((each for each in seen if each and not is_loopback(each)), loopback_of(listening))


def _source_towards(host: str, listening: str) -> str | None:
    """Return the address from which this machine sends to a host; None if there is no route or no such name."""
    family = socket.AF_UNSPEC if ":" in listening else socket.AF_INET
    try:
        found = socket.getaddrinfo(host, _ANY_PORT, family, socket.SOCK_DGRAM)
        with socket.socket(found[0][0], socket.SOCK_DGRAM) as probe:
            probe.connect(found[0][4])
            return str(probe.getsockname()[0])
    except OSError:
        return None
