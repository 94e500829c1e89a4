"""The surroundings of a step: the session, the network, the answers so far, the time, and the decision."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from fednet import limits

from .network import Network
from .orders import Decision, Order, Projection
from .state import Phase, Round, Session
from .tally import Tally

_IDS = uuid.UUID("5f6c7a0e-0a4b-4a57-8f2e-6a1c9f6f2d55")


def id_in(session: Session, *parts: object) -> str:
    """Return an id within a session that is the same each time, so that a repeated step repeats its names."""
    return str(uuid.uuid5(_IDS, "/".join(map(str, (session.document_id, *parts)))))


def model_id_in(session: Session, number: int, attempt: int, *, reopened: int | None = None) -> str:
    """Return the id of the model that an attempt at a round makes.

    A session that goes on after its end makes others than before: a merge may have left one that nobody committed.

    Args:
        session: The session.
        number: The round.
        attempt: The attempt.
        reopened: How often the session was continued by then; by default as often as now.
    """
    again = session.reopened if reopened is None else reopened
    return id_in(session, "model", number, attempt, *([again] if again else []))


def abandoned_models(session: Session, current: Round) -> list[str]:
    """Return the ids of the models that the last attempts at a round may have left, also before an end."""
    before = range(session.options.round_retries + 1)
    ids = [
        model_id_in(session, current.number, attempt, reopened=often)
        for often in range(session.reopened + 1)
        for attempt in (range(current.attempt) if often == session.reopened else before)
    ]
    return ids[-limits.abandoned_models_max :]


@dataclass
class Scene:
    """Everything that a step may read, and the one place for its orders and projections.

    Attributes:
        now: Seconds since 1970.
        tallies: The answers of each phase under way, by its id.
    """

    session: Session
    network: Network
    tallies: dict[str, Tally]
    now: float
    decision: Decision = field(default_factory=Decision)

    @property
    def round(self) -> Round:
        """The round under way; only its steps ask."""
        assert self.session.round, "a step belongs to a round"
        return self.session.round

    def order(self, *orders: Order) -> None:
        """Give orders once the decision is stored."""
        self.decision.orders += orders

    def write(self, *projections: Projection) -> None:
        """Write documents once the session's own is stored."""
        self.decision.projections += projections

    def tally(self, phase: Phase) -> Tally:
        """Return the answers of a phase so far."""
        if phase.phase_id not in self.tallies:
            self.tallies[phase.phase_id] = Tally.of(phase)
        return self.tallies[phase.phase_id]

    def id(self, *parts: object) -> str:
        """Return an id within the session; see `id_in`."""
        return id_in(self.session, *parts)

    def deadline(self) -> float:
        """Return the deadline of a step that starts now: round_timeout plus a grace period for messages."""
        return self.now + self.session.options.round_timeout + limits.round_grace_seconds
