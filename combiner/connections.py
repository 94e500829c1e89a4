"""The streams of the clients that are connected: what each can do, and what waits to be sent to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from fednet import limits
from fednet.errors import LimitExceeded
from fednet.wire import rounds_pb2, tasks_pb2


@dataclass(eq=False)
class Connection:
    """One client's open stream."""

    client_id: str
    capabilities: rounds_pb2.Capabilities
    outgoing: asyncio.Queue[tasks_pb2.CombinerMessage | None] = field(
        default_factory=lambda: asyncio.Queue(limits.queue_messages_max)
    )

    def send(self, **message: Any) -> None:
        """Queue a message; a client that does not read is cut off and begins anew."""
        try:
            self.outgoing.put_nowait(tasks_pb2.CombinerMessage(**message))
        except asyncio.QueueFull:
            self.close()

    def close(self) -> None:
        """End the stream; what was not sent is sent again on the next one."""
        while not self.outgoing.empty():
            self.outgoing.get_nowait()
        self.outgoing.put_nowait(None)


class Connections:
    """All of them, by client.

    Args:
        clients_max: How many clients may be connected at once.
    """

    def __init__(self, clients_max: int) -> None:
        self._clients_max = clients_max
        self._by_client: dict[str, Connection] = {}

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._by_client

    def open(self, client_id: str, capabilities: rounds_pb2.Capabilities) -> Connection:
        """Take a client in; an older stream of the same client ends.

        Raises:
            LimitExceeded: As many clients as are allowed are connected.
        """
        older = self._by_client.get(client_id)
        if older is None and len(self._by_client) >= self._clients_max:
            raise LimitExceeded(f"This combiner serves {self._clients_max} clients; try another.")
        if older:
            older.close()
        self._by_client[client_id] = Connection(client_id, capabilities)
        return self._by_client[client_id]

    def forget(self, connection: Connection) -> bool:
        """A stream has ended; whether it was the client's present one."""
        if self._by_client.get(connection.client_id) is not connection:
            return False
        del self._by_client[connection.client_id]
        return True

    def send(self, client_id: str, **message: Any) -> None:
        """Send to a client; nothing happens if it is not here."""
        if connection := self._by_client.get(client_id):
            connection.send(**message)

    def capabilities(self) -> dict[str, rounds_pb2.Capabilities]:
        """What each client can do, by its id."""
        return {id_: connection.capabilities for id_, connection in self._by_client.items()}

    def close(self) -> None:
        """End all streams."""
        for connection in self._by_client.values():
            connection.close()
