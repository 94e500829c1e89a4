"""The table of faults: the victim, the moment, and the cost that is allowed."""

import itertools
from dataclasses import dataclass

from fednet import limits

_TRAIN, _HALF, _KEPT, _VALIDATE = (
    "all train",
    "half have answered",
    "an answer waits at its client",
    "all validate",
)
_MOMENTS = (_TRAIN, _HALF, _VALIDATE)
_OF_PROCESSES = ("kill -9 and return", "SIGTERM and return", "SIGSTOP")
_OF_LINKS = ("link cut", "link stalled", "link refused")
_FOR_GOOD = "kill -9 for good"
_ELSEWHERE = "kill -9 and return elsewhere"
_CRASH = "crash, and back after 12 s"
_FAULTS_OF = {
    "undisturbed": ("none",),
    "controller-1": (*_OF_PROCESSES, "disk full"),
    "driver": (_FOR_GOOD, "SIGSTOP for 30 s"),
    "combiner-1": (*_OF_PROCESSES, _ELSEWHERE, _FOR_GOOD, *_OF_LINKS, "disk full"),
    "client-1": (*_OF_PROCESSES, _FOR_GOOD),
    "state store": (_CRASH, "link stalled"),
    "object store": (_CRASH, *_OF_LINKS),
}


@dataclass(frozen=True)
class Row:
    """A fault of the table.

    Attributes:
        victim: A process, a store, or "driver": the one of two controllers that drives the session.
        trainings_lost_max: The trainings whose answers the fault destroys; none else may be lost.
        updates_missing_max: The updates that are in no model, because their client was not there.
    """

    victim: str
    fault: str
    moment: str
    trainings_lost_max: int = 0
    updates_missing_max: int = 0

    def trainings_lost_max_after(self, fault_seconds: float) -> int:
        """Return the trainings that may be lost after a fault of so many seconds.

        A combiner that is away for long is given up, and with it the one answer that it has when half have answered.
        """
        is_given_up = fault_seconds >= limits.combiner_away_seconds_max - 1
        has_answer = self.victim.startswith("combiner") and self.moment == _HALF
        return max(self.trainings_lost_max, int(is_given_up and has_answer))

    def __str__(self) -> str:
        return f"{self.victim}-{self.fault}-{self.moment}".replace(" ", "-").replace(",", "")


def _row(victim: str, fault: str, moment: str) -> Row:
    return Row(
        victim, fault, moment, _destroyed(victim, fault, moment), _missing(victim, fault, moment)
    )


def _destroyed(victim: str, fault: str, moment: str) -> int:
    """Return how many trainings a fault destroys.

    A client that dies while it trains, or cannot write its update, has no answer. A combiner that dies for good takes
    the answers of its two clients along.
    """
    if victim.startswith("client"):
        is_at_work = moment in {_TRAIN, _HALF}
        return int((is_at_work and fault != "SIGSTOP") or (moment, fault) == (_KEPT, "power cut"))
    if victim.startswith("combiner") and fault == _FOR_GOOD:
        return 2
    return int(victim.startswith("combiner") and fault == "power cut")


def _missing(victim: str, fault: str, moment: str) -> int:
    """Return how many updates no model can have: those of a client that does not come back, or that failed."""
    if victim.startswith("client") and fault == _FOR_GOOD:
        return 1 if moment == _KEPT else 2
    return int(victim.startswith("client") and fault == "disk full")


TABLE = [
    _row(victim, fault, moment)
    for (victim, faults), moment in itertools.product(_FAULTS_OF.items(), _MOMENTS)
    for fault in faults
] + [
    _row("combiner-1", "power cut", _HALF),
    _row("client-1", "power cut", _TRAIN),
    _row("client-1", "power cut", _KEPT),
    _row("client-1", "kill -9 and return", _KEPT),
    _row("client-1", "disk full", _TRAIN),
    _row("combiner-1", "SIGSTOP", _KEPT),
    _row("controller-1", "kill -9 and return", _KEPT),
]
_QUICK = {
    ("controller-1", "kill -9 and return", _HALF),
    ("combiner-1", "power cut", _HALF),
    ("combiner-1", _FOR_GOOD, _TRAIN),
    ("client-1", "kill -9 and return", _KEPT),
}
QUICK = [row for row in TABLE if (row.victim, row.fault, row.moment) in _QUICK]
