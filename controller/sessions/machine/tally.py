"""The answers of one phase under way. They are not stored with the session: each has a document of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .events import Answered
from .state import Phase


@dataclass(frozen=True)
class Value:
    """One client's part of an exchange."""

    value: Mapping[str, Any]
    content: bytes


@dataclass
class Tally:
    """The clients of a phase, and the answers that count so far.

    Attributes:
        places: The combiner that asks a client, by the client's id.
        answered: The combiner that has a client's answer, by the client's id.
        values: The parts of an exchange, by the client's id.
        validated_at: The time at which a client ended its validation of an earlier model, by the client's id.
        last: The client whose answer came last; empty before the first.
        reported: The name and the number of examples of each client that has trained, by its id.
        longest: The longest time of each part of the work, in seconds.
        total: The sum of the times of each part of the work, in seconds.
    """

    places: dict[str, str] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    validated_at: dict[str, float] = field(default_factory=dict)
    last: str = ""
    reported: dict[str, tuple[str, float]] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    total: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @classmethod
    def of(cls, phase: Phase) -> Tally:
        """Return the tally of a phase without an answer."""
        shares = phase.shares.items()
        return cls({client: combiner for combiner, share in shares for client in share.clients})

    def add(self, event: Answered) -> bool:
        """Count an answer, once; return False if it does not count."""
        if event.client in self.answered or self.places.get(event.client) != event.combiner:
            return False
        self.answered[event.client] = event.combiner
        self.last = event.client
        if event.num_examples:
            self.reported[event.client] = (event.name, event.num_examples)
        if event.value or event.content:
            self.values[event.client] = Value(event.value, event.content)
        for part, seconds in event.seconds.items():
            self.longest[part] = max(self.longest[part], seconds)
            self.total[part] += seconds
        return True

    def has_validated(self, client: str, now: float) -> None:
        """Note that a client of the phase, still without an answer, has ended a validation."""
        if client in self.places and client not in self.answered:
            self.validated_at[client] = now

    def lose(self, client: str, combiner: str) -> None:
        """Count a client's answer no more: the combiner has lost it. An answer at another combiner stays."""
        if self.answered.get(client) == combiner:
            del self.answered[client]
            self.values.pop(client, None)
            self.reported.pop(client, None)

    def void(self, combiner: str) -> None:
        """Count no answer of a combiner that has failed."""
        for client in list(self.answered):
            self.lose(client, combiner)

    def missing(self) -> list[str]:
        """Return the ids of the clients that were asked and have no answer, sorted."""
        return sorted(self.places.keys() - self.answered.keys())
