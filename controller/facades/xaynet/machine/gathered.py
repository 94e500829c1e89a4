"""The accepted messages of one round."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .values import Entry, MaskEntry, SumEntry, UpdateEntry


@dataclass
class Gathered:
    """The accepted messages of one round.

    Args:
        models_max: The number of models that the masks hold.

    Attributes:
        sums: The sealing key of each sum participant.
        updates: The update participants.
        seeds: The sealed seeds by sum participant, then by update participant.
        votes: The number of sum participants for each sum of masks.
        voters: The sum participants that have voted.
    """

    models_max: int
    sums: dict[bytes, bytes] = field(default_factory=dict)
    updates: set[bytes] = field(default_factory=set)
    seeds: dict[bytes, dict[bytes, bytes]] = field(default_factory=dict)
    votes: Counter[str] = field(default_factory=Counter)
    voters: set[bytes] = field(default_factory=set)

    def objection(self, entry: Entry) -> str:
        """Return the rule that a message breaks; "" if it breaks none."""
        match entry:
            case SumEntry(participant):
                return "it is a sum participant already" if participant in self.sums else ""
            case UpdateEntry():
                return self._objection_to_update(entry)
            case MaskEntry(participant):
                return self._objection_to_vote(participant)

    def _objection_to_update(self, entry: UpdateEntry) -> str:
        if entry.participant in self.updates:
            return "it has sent an update already"
        if entry.seeds.keys() != self.sums.keys():
            return "its seeds are not for the sum participants of this round"
        if len(self.updates) >= self.models_max:
            return f"the masks hold {self.models_max} models"
        return ""

    def _objection_to_vote(self, participant: bytes) -> str:
        if participant not in self.sums:
            return "it is no sum participant of this round"
        return "it has sent its mask already" if participant in self.voters else ""

    def add(self, entry: Entry) -> None:
        """Count an accepted message."""
        match entry:
            case SumEntry(participant, sealing_key):
                self.sums[participant] = sealing_key
                self.seeds[participant] = {}
            case UpdateEntry(participant, seeds):
                self.updates.add(participant)
                for sum_participant, seed in seeds.items():
                    self.seeds[sum_participant][participant] = seed
            case MaskEntry(participant, mask):
                self.voters.add(participant)
                self.votes[mask] += 1

    def count(self, kind: type[Entry]) -> int:
        """Return the number of messages of one kind."""
        counted = {SumEntry: self.sums, UpdateEntry: self.updates, MaskEntry: self.voters}
        return len(counted[kind])

    def winner(self) -> str | None:
        """Return the sum of masks with most votes; None if it shares the first place or nobody has voted."""
        best = self.votes.most_common(2)
        if not best or (len(best) > 1 and best[0][1] == best[1][1]):
            return None
        return best[0][0]
