"""The choice of a client's combiner; a pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Candidate:
    """A connected combiner with its load.

    Attributes:
        name: The name of the combiner.
        clients: The number of clients that are placed on it.
        clients_max: The largest number of clients that it takes.
    """

    name: str
    clients: int
    clients_max: int

    @property
    def has_room(self) -> bool:
        """True if the combiner takes another client."""
        return self.clients < self.clients_max


def choose_combiner(candidates: Sequence[Candidate], preferred: str | None = None) -> str | None:
    """Return the name of the combiner for a client; None if no combiner has room.

    It is the preferred combiner if that has room, else the one with the fewest clients, and of equal ones the first by
    name.
    """
    with_room = [candidate for candidate in candidates if candidate.has_room]
    if any(candidate.name == preferred for candidate in with_room):
        return preferred
    best = min(with_room, key=lambda each: (each.clients, each.name), default=None)
    return best.name if best else None
