"""The connected combiners and clients, as the combiners' event streams report them; kept in memory only."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from fednet.readiness import READY, Readiness


@dataclass(frozen=True)
class Capabilities:
    """The capabilities of a connected client, as the client reports them.

    Attributes:
        kinds: The names of its task kinds: TRAIN, VALIDATE, PREDICT.
        needs_package: True if it works in package mode.
        readiness: What it waits for before it can be asked for tasks.
    """

    kinds: frozenset[str]
    needs_package: bool
    readiness: Readiness = READY


@dataclass
class Presence:
    """The connected combiners by name, each with its connected clients by id; safe to use from any thread."""

    _combiners: dict[str, dict[str, Capabilities]] = field(default_factory=dict)
    _allowing: set[str] = field(default_factory=set)  # combiners that allow server functions
    _stopping: set[str] = field(default_factory=set)  # combiners that take no more clients
    _lock: threading.Condition = field(default_factory=threading.Condition)

    def combiner_up(
        self,
        combiner: str,
        clients: Mapping[str, Capabilities],
        *,
        allows_functions: bool = False,
        is_stopping: bool = False,
    ) -> None:
        """Note an open stream of a combiner, with its clients, if it allows server functions, and if it stops."""
        with self._lock:
            self._combiners[combiner] = dict(clients)
            (self._stopping.add if is_stopping else self._stopping.discard)(combiner)
            if allows_functions:
                self._allowing.add(combiner)
            else:
                self._allowing.discard(combiner)
            self._lock.notify_all()

    def combiner_down(self, combiner: str) -> list[str]:
        """Note the end of a combiner's stream; return the ids of the clients that are lost with it."""
        with self._lock:
            self._allowing.discard(combiner)
            self._stopping.discard(combiner)
            self._lock.notify_all()
            return list(self._combiners.pop(combiner, {}))

    def combiner_stops(self, combiner: str) -> None:
        """Note that a connected combiner takes no more clients."""
        with self._lock:
            if combiner in self._combiners:
                self._stopping.add(combiner)

    def taking_clients(self) -> list[str]:
        """Return the names of the connected combiners that take clients."""
        with self._lock:
            return [name for name in self._combiners if name not in self._stopping]

    def wait_until_gone(self, combiner: str, seconds_max: float) -> bool:
        """Wait until a combiner is disconnected; return True if it is."""
        with self._lock:
            return self._lock.wait_for(lambda: combiner not in self._combiners, seconds_max)

    def client_joined(self, combiner: str, client_id: str, capabilities: Capabilities) -> None:
        """Note that a client has connected to a combiner, and left any other one."""
        with self._lock:
            for clients in self._combiners.values():
                clients.pop(client_id, None)
            self._combiners.setdefault(combiner, {})[client_id] = capabilities
            self._lock.notify_all()

    def client_left(self, combiner: str, client_id: str) -> None:
        """Note the end of a client's stream to a combiner."""
        with self._lock:
            self._combiners.get(combiner, {}).pop(client_id, None)

    def combiner_of(self, client_id: str) -> str | None:
        """Return the name of a client's combiner; None if the client is not connected."""
        with self._lock:
            return next(
                (name for name, clients in self._combiners.items() if client_id in clients), None
            )

    def readiness(self) -> dict[str, Readiness]:
        """Return what each connected client waits for, by the client's id."""
        with self._lock:
            return {
                client_id: able.readiness
                for clients in self._combiners.values()
                for client_id, able in clients.items()
            }

    def wait_for_combiner(self, combiner: str, seconds_max: float) -> bool:
        """Wait until a combiner's stream is open, or the time is over; return True if it is open."""
        with self._lock:
            return self._lock.wait_for(lambda: combiner in self._combiners, seconds_max)

    def wait_for_client(self, client_id: str, seconds_max: float) -> bool:
        """Wait until a client is connected, or the time is over; return True if it is."""

        def is_here() -> bool:
            return any(client_id in clients for clients in self._combiners.values())

        with self._lock:
            return self._lock.wait_for(is_here, seconds_max)

    def wait_for_clients(self, kind: str, count: int, seconds_max: float) -> None:
        """Wait until enough clients with this kind of task are connected, or the time is over."""

        def are_here() -> bool:
            capable = {
                client_id
                for clients in self._combiners.values()
                for client_id, able in clients.items()
                if kind in able.kinds
            }
            return len(capable) >= count

        with self._lock:
            self._lock.wait_for(are_here, seconds_max)

    def wait_for_functions(self, combiners: int, seconds_max: float) -> bool:
        """Wait until a combiner allows server functions, enough combiners are connected, or the time is over.

        Returns:
            True if a connected combiner allows them.
        """

        def is_known() -> bool:
            return bool(self._allowing) or len(self._combiners) >= combiners

        with self._lock:
            self._lock.wait_for(is_known, seconds_max)
            return bool(self._allowing)

    def allowing_functions(self) -> frozenset[str]:
        """Return the names of the connected combiners that allow server functions."""
        with self._lock:
            return frozenset(self._allowing)

    def connected(self) -> dict[str, dict[str, Capabilities]]:
        """Return a copy of all connections: clients by id, for each combiner by name."""
        with self._lock:
            return {name: dict(clients) for name, clients in self._combiners.items()}


def waiting_of(clients: Mapping[str, Capabilities]) -> dict[str, Readiness]:
    """Return what clients wait for, by the id of each that waits for something."""
    return {id_: able.readiness for id_, able in clients.items() if able.readiness != READY}
