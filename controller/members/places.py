"""The places of clients: each has one on a connected combiner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fednet import limits
from fednet.errors import Unavailable
from fednet.storage import Query

from .placement import Candidate, choose_combiner

if TYPE_CHECKING:
    from fednet.storage import Document

    from ..presence import Presence
    from ..records import Records

_PLACED = ["available", "online"]


@dataclass(frozen=True)
class Places:
    """The places of clients on combiners.

    Args:
        records: The documents of combiners and clients.
        presence: The connected combiners.
    """

    records: Records
    presence: Presence

    def choose(self, client: Document | None, preferred: str | None) -> Document:
        """Return the document of the combiner for a client.

        Args:
            client: The client's document; None if it is new.
            preferred: The name of the combiner that it prefers, if any.

        Raises:
            Unavailable: No combiner with room is connected.
        """
        chosen = choose_combiner(self._candidates(client), preferred)
        if chosen is None:
            raise Unavailable("No combiner with room is connected. Start one, then try again.")
        return self.records.get("combiners", chosen)

    def _candidates(self, newcomer: Document | None) -> list[Candidate]:
        """Return the combiners that take clients, with the clients placed on each except the newcomer itself."""
        return [
            Candidate(name, self._placed_on(name, newcomer), limits.combiner_clients_max)
            for name in self.presence.taking_clients()
        ]

    def _placed_on(self, combiner: str, newcomer: Document | None) -> int:
        where = {"combiner": combiner, "status": _PLACED}
        placed = self.records.count("clients", Query(where=where))
        is_among = newcomer is not None and (
            newcomer["combiner"] == combiner and newcomer["status"] in _PLACED
        )
        return placed - is_among
