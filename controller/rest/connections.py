"""The open connections of a server: bounded in all and for each address.

A connection without a request, or with half a head, is spare. At a bound the newcomer takes the place of the connection
that has been spare for longest, so that silent connections keep nobody out.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol


class Spare(Protocol):
    """A connection that may be dropped for another one."""

    @property
    def address(self) -> str:
        """The address of the caller."""

    def drop(self) -> None:
        """End the connection at once."""


class Connections:
    """The open connections of one server. All methods belong to the event loop.

    Args:
        connections_max: The largest number in all.
        address_connections_max: The largest number of one address.
    """

    def __init__(self, connections_max: int, address_connections_max: int) -> None:
        self._connections_max = connections_max
        self._address_connections_max = address_connections_max
        self._open: set[Spare] = set()
        self._counts: Counter[str] = Counter()
        self._spare: dict[str, dict[Spare, None]] = {}  # by address; the oldest first

    def enter(self, connection: Spare) -> bool:
        """Take a connection in; return False if there is no place for it."""
        address = connection.address
        if self._is_full_for(address):
            self._drop_oldest(address)
        elif self._is_full():
            self._drop_oldest(max(self._spare, key=self._counts.__getitem__, default=""))
        if self._is_full_for(address) or self._is_full():
            return False
        self._open.add(connection)
        self._counts[address] += 1
        self.note_spare(connection)
        return True

    def leave(self, connection: Spare) -> None:
        """Forget a connection; nothing happens if it is forgotten already."""
        if connection not in self._open:
            return
        self.note_busy(connection)
        self._open.remove(connection)
        self._counts[connection.address] -= 1
        if not self._counts[connection.address]:
            del self._counts[connection.address]

    def note_spare(self, connection: Spare) -> None:
        """Note that a connection has no request."""
        if connection in self._open:
            self._spare.setdefault(connection.address, {}).setdefault(connection)

    def note_busy(self, connection: Spare) -> None:
        """Note that a connection has a request."""
        spare = self._spare.get(connection.address, {})
        spare.pop(connection, None)
        if not spare:
            self._spare.pop(connection.address, None)

    def _is_full_for(self, address: str) -> bool:
        return self._counts[address] >= self._address_connections_max

    def _is_full(self) -> bool:
        return len(self._open) >= self._connections_max

    def _drop_oldest(self, address: str) -> None:
        """Drop the connection of an address that has been spare for longest; nothing happens without one."""
        oldest = next(iter(self._spare.get(address, ())), None)
        if oldest is not None:
            self.leave(oldest)
            oldest.drop()
