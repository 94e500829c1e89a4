"""Which combiner a client is sent to. Decides, and does nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Candidate:
    """A connected combiner, as far as its load is concerned.

    Attributes:
        name: Its name.
        clients: How many clients are placed on it.
        clients_max: How many it takes.
    """

    name: str
    clients: int
    clients_max: int

    @property
    def has_room(self) -> bool:
        """Whether one more client may come."""
        return self.clients < self.clients_max


def choose_combiner(candidates: Sequence[Candidate], preferred: str | None = None) -> str | None:
    """The name of the combiner for a client; None where none has room.

    The preferred one if it has room, else the one with the fewest clients, and of equals the first
    by name.
    """
    with_room = [candidate for candidate in candidates if candidate.has_room]
    if any(candidate.name == preferred for candidate in with_room):
        return preferred
    best = min(with_room, key=lambda each: (each.clients, each.name), default=None)
    return best.name if best else None
