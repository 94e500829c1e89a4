"""The step and companion of asynchronous sessions: clients train without waiting for each other.

A flight is one client's training: a phase of its own, begun with the newest model, over however many rounds it takes.

    idle ──sent out──> in flight ──closed with an answer──> in the buffer ──enough are in──> merged, once
      ▲                    │                                      │
      ├── without one: not asked again in this attempt            │
      └── the model that it began with is too old: given up ──────┘

Enough are in when the buffer holds so many updates, of at least min_clients clients. At the deadline of a round
min_clients clients are enough. An update that lands while a round is merged, or while the session is paused, is in the
next buffer. Idle clients are sent out while this step is under way: while a round is merged, a newer model is about to
come. The updates of a failed attempt go back into the buffer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from .. import phases
from ..choice import sample_clients
from ..documents import record_pending_round
from ..events import Event
from ..phases import failures, noted
from ..scene import Scene
from ..state import Flight, Phase, Session
from .step import Done, Failed, Outcome

_BUFFER_SIZE_MAX = 10  # by default; the paper found it to do well everywhere


def buffer_size(session: Session) -> int:
    """Return the number of updates that make a model: by default half of those that train at once, ten at most."""
    if session.options.round_buffer_size > 0:
        return session.options.round_buffer_size
    return max(
        session.options.min_clients, min(_BUFFER_SIZE_MAX, session.options.requested_clients // 2)
    )


class Flights:
    """The departure of idle clients until the buffer is full, which is then handed on."""

    name: ClassVar[str] = "flights"
    shown: ClassVar[str] = "training"

    def start(self, scene: Scene) -> Outcome:
        """Put a failed attempt's updates back, give up those that are too old, and send out idle clients."""
        session, current = scene.session, scene.round
        session.flights |= {each.phase_id: _landed(each, scene) for each in current.parts}
        current.parts, current.failed = [], []
        _give_up([each for each in session.flights.values() if _is_too_old(each, session)], scene)
        current.deadline = scene.deadline()
        record_pending_round(scene)
        return self._go_on(scene)

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Go on after an event, which the companion has taken in before."""
        current = scene.round
        for flight in scene.session.flights.values():
            if problem := phases.problem_of(flight.phase, event):
                current.problems = noted(current.problems, problem)
        return self._go_on(scene)

    def resume(self, combiner: str, scene: Scene) -> None:
        """Do nothing: the companion resumes the flights."""

    def expire(self, scene: Scene) -> Outcome:
        """Go on with the buffer if it has the updates of enough clients."""
        return self._over(scene)

    def timers(self, scene: Scene) -> Iterable[float]:  # noqa: ARG002  the same for all steps
        """Return nothing: the companion has the timers of the flights."""
        return ()

    def _go_on(self, scene: Scene) -> Outcome:
        """Send out idle clients, and see if the buffer has enough."""
        session, current = scene.session, scene.round
        if not _is_full(session):
            self._send_out(scene)
        nobody_is_left = current.failed and not _in_flight(session)
        return self._over(scene) if _is_full(session) or nobody_is_left else None

    def _over(self, scene: Scene) -> Outcome:
        session, current = scene.session, scene.round
        clients = len({flight.client for flight in _buffer(session)})
        if clients >= session.options.min_clients:
            current.parts = [flight.phase for flight in _buffer(session)]
            session.flights = {each.phase.phase_id: each for each in _in_flight(session)}
            current.trained_at = scene.now
            return Done()
        why = "; ".join(current.problems) or "nobody answered in time"
        return Failed(
            f"{clients} of at least {session.options.min_clients} clients answered ({why})"
        )

    def _send_out(self, scene: Scene) -> None:
        """Give idle clients the newest model, as many as may train at once."""
        session = scene.session
        free = session.options.requested_clients - len(_in_flight(session))
        if free <= 0:
            return
        seed = f"{session.seed}/draw/{session.flights_begun}"
        for combiner, clients in sample_clients(self._idle(scene), free, seed).items():
            for client in clients:
                _begin(client, combiner, scene)

    def _idle(self, scene: Scene) -> dict[str, set[str]]:
        """Return the clients to send out, by combiner; a buffer that only lacks other clients asks nobody twice."""
        session, current = scene.session, scene.round
        busy = {flight.client for flight in _in_flight(session)} | set(current.failed)
        if len(_buffer(session)) >= buffer_size(session):
            busy |= {flight.client for flight in _buffer(session)}
        capable = scene.network.capable("TRAIN")
        if session.functions and session.functions.selects:
            chosen = {client for clients in current.choice.values() for client in clients}
            capable = {combiner: clients & chosen for combiner, clients in capable.items()}
        return {combiner: clients - busy for combiner, clients in capable.items()}


class FlightsBeside:
    """The flights of a session, in whichever step the round is."""

    def committed(self, scene: Scene) -> None:
        """Give up all flights after the last round."""
        if scene.session.number >= scene.session.options.rounds:
            _give_up(list(scene.session.flights.values()), scene)

    def absorb(self, event: Event, scene: Scene) -> None:
        """Land the flights that are over."""
        for flight in _in_flight(scene.session):
            phases.absorb(scene, flight.phase, event, flight.deadline)
            _land(flight, scene)

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that the combiner may not have heard."""
        for flight in _in_flight(scene.session):
            phases.ask_again(scene, flight.phase, combiner, flight.deadline)

    def expire(self, scene: Scene) -> None:
        """Give up flights whose deadline has passed."""
        for flight in _in_flight(scene.session):
            if scene.now >= flight.deadline:
                phases.close_silent_shares(scene, flight.phase)
                _land(flight, scene)

    def shift(self, session: Session, seconds: float, least: float) -> None:
        """Move all deadlines on."""
        for flight in _in_flight(session):
            flight.deadline = max(flight.deadline + seconds, least)

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return the deadlines, and the times at which absent combiners count as lost."""
        for flight in _in_flight(scene.session):
            yield flight.deadline
            yield from phases.lost_at(scene, flight.phase)

    def is_idle(self, session: Session) -> bool:
        """Return True if no flight is under way."""
        return not session.flights


def _in_flight(session: Session) -> list[Flight]:
    return [flight for flight in session.flights.values() if flight.is_open]


def _buffer(session: Session) -> list[Flight]:
    return [flight for flight in session.flights.values() if not flight.is_open]


def _is_full(session: Session) -> bool:
    buffer = _buffer(session)
    clients = {flight.client for flight in buffer}
    return len(buffer) >= buffer_size(session) and len(clients) >= session.options.min_clients


def _begin(client: str, combiner: str, scene: Scene) -> None:
    session, current = scene.session, scene.round
    session.flights_begun += 1
    phase_id = scene.id("flight", session.flights_begun)
    phase = phases.new_phase(scene, "TRAIN", phase_id, session.number + 1)
    phase.settings = current.settings
    phase.is_shared = True
    flight = Flight(client, phase, scene.deadline())
    session.flights[phase_id] = flight
    phases.ask(scene, phase, {combiner: [client]}, flight.deadline)


def _landed(phase: Phase, scene: Scene) -> Flight:
    """Return the flight of an update that was to be merged."""
    client = next(client for share in phase.shares.values() for client in share.clients)
    return Flight(client, phase, scene.now)


def _land(flight: Flight, scene: Scene) -> None:
    """Keep a flight that has brought an update; of any other flight, keep only its failure."""
    if flight.is_open or flight.phase.answers:
        return
    if current := scene.session.round:
        current.failed.append(flight.client)
        current.problems = noted(current.problems, *failures(flight.phase))
    _give_up([flight], scene)


def _is_too_old(flight: Flight, session: Session) -> bool:
    return session.number + 1 - flight.phase.number > session.staleness_max


def _give_up(flights: Iterable[Flight], scene: Scene) -> None:
    for flight in flights:
        scene.session.flights.pop(flight.phase.phase_id, None)
        phases.release(scene, flight.phase)
