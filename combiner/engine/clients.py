"""The clients that are connected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fednet.errors import LimitExceeded, Unauthenticated

from ..machine.values import Capabilities, Task, Verdict
from ..ports import ClientStream


class Clients:
    """The stream of each connected client.

    Args:
        clients_max: The number of clients that may be connected at once.

    Attributes:
        gone: Set while no client is connected.
    """

    def __init__(self, clients_max: int) -> None:
        self._clients_max = clients_max
        self._streams: dict[str, ClientStream] = {}
        self._leaving = ""  # the reason, once clients are sent away
        self.gone = asyncio.Event()
        self.gone.set()

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._streams

    def __len__(self) -> int:
        return len(self._streams)

    def open(self, stream: ClientStream) -> None:
        """Take a client in; an older stream of the same client ends.

        Raises:
            LimitExceeded: As many clients as are allowed are connected.
            Unauthenticated: Clients are sent away.
        """
        if self._leaving:
            raise Unauthenticated(self._leaving)
        older = self._streams.get(stream.client_id)
        if older is None and len(self._streams) >= self._clients_max:
            raise LimitExceeded(f"This combiner serves {self._clients_max} clients; try another.")
        if older:
            older.close()
        self._streams[stream.client_id] = stream
        self.gone.clear()

    def is_present(self, stream: ClientStream) -> bool:
        """Return True if a stream is the client's present one."""
        return self._streams.get(stream.client_id) is stream

    def forget(self, stream: ClientStream) -> bool:
        """Note the end of a stream; return whether it was the client's present one."""
        if not self.is_present(stream):
            return False
        del self._streams[stream.client_id]
        if not self._streams:
            self.gone.set()
        return True

    def offer(self, client_id: str, task: Task) -> None:
        """Give a client a task within its abilities; nothing happens if the client is not here."""
        if stream := self._streams.get(client_id):
            stream.offer(task.within(stream.capabilities))

    def cancel(self, client_id: str, task_id: str) -> None:
        """Tell a client that a task need not be finished; nothing happens if the client is not here."""
        if stream := self._streams.get(client_id):
            stream.cancel(task_id)

    def receipt(self, client_id: str, verdict: Verdict) -> None:
        """Tell a client that it may forget an answer; nothing happens if the client is not here."""
        if stream := self._streams.get(client_id):
            stream.receipt(verdict)
            if self._leaving:
                stream.send_away(self._leaving)

    def capabilities(self) -> dict[str, Capabilities]:
        """Return the abilities of each client, by its id."""
        return {id_: stream.capabilities for id_, stream in self._streams.items()}

    def send_away(self, reason: str, is_delivering: Callable[[str], bool]) -> None:
        """Take nobody in any more; send each client away, at once or after the receipt of its answer.

        Args:
            reason: The reason, for the clients.
            is_delivering: Tells if a client delivers an answer.
        """
        self._leaving = reason
        for client_id, stream in self._streams.items():
            if not is_delivering(client_id):
                stream.send_away(reason)

    @property
    def are_leaving(self) -> bool:
        """True once clients are sent away."""
        return bool(self._leaving)

    def close(self) -> None:
        """End all streams."""
        for stream in self._streams.values():
            stream.close()
