"""How a session goes on whose clients do not wait for each other: the machine of `machine.py`, with flights.

A flight is one client's training: a phase of its own, begun with the newest model, over however many rounds it takes.

    idle ──sent out──> in flight ──closed with an answer──> in the buffer ──enough are in──> merged, once
      ▲                    │                                      │
      ├── without one: not asked again in this attempt            │
      └── the model that it began with is too old: given up ──────┘

Enough are in when the buffer holds so many updates, of at least min_clients clients. At the deadline of a round
min_clients clients are enough. What lands while a round is merged, or while the session is paused, is in the next
buffer. Who is idle is sent out while a round is in TRAINING: while one is merged, a newer model is about to come.
"""

from __future__ import annotations

from collections.abc import Iterable

from fednet import limits

from .choice import sample_clients
from .events import Answered, Event, Step
from .machine import Machine, answer_of
from .phases import close_share, close_silent_shares, failures, new_phase, noted, releases
from .state import Flight, Phase, Round, Session, Share, Stage

_BUFFER_SIZE_MAX = 10  # by default; what the paper found to do well everywhere


def buffer_size(session: Session) -> int:
    """How many updates make a model: by default half of those that train at once, ten at the most."""
    if session.round_buffer_size > 0:
        return session.round_buffer_size
    return max(session.min_clients, min(_BUFFER_SIZE_MAX, session.requested_clients // 2))


class AsynchronousMachine(Machine):
    """Moves an asynchronous session on."""

    def handle(self, event: Event, now: float) -> Step:
        """What to do about an event; see `Machine.handle`."""
        step = super().handle(event, now)
        self._go_on(now, step)
        return step

    def _go_on(self, now: float, step: Step) -> None:
        """Send out who is idle, and see whether the round has what it needs."""
        current = self.session.round
        if self.session.stage is Stage.DRAINING:
            self._give_up(self._flights(), step)
        if self.session.stage is not Stage.TRAINING or current is None:
            return
        if not self._is_full():
            self._send_out(current, now, step)
        self._sum_up(current)
        nobody_is_left = current.failed and not self._in_flight()
        if self._is_full() or nobody_is_left:
            self._training_over(current, now, step)

    # Rounds

    def _begin_round_if_possible(self, now: float, step: Step) -> None:
        self._give_up([each for each in self._flights() if self._is_too_old(each)], step)
        super()._begin_round_if_possible(now, step)
        self._go_on(now, step)

    def _new_round(self, number: int, attempt: int, now: float) -> Round:
        """A round that has asked nobody yet."""
        new = super()._new_round(number, attempt, now)
        new.phase.shares, new.merged = {}, []
        return new

    def _sum_up(self, current: Round) -> None:
        """Note in the round who is at work and what is in the buffer."""
        shares: dict[str, Share] = {}
        for flight in self._flights():
            for combiner, part in flight.phase.shares.items():
                share = shares.setdefault(combiner, Share([], closed=True))
                share.clients += [flight.client] if flight.client not in share.clients else []
                share.answers += part.answers
                share.weight += part.weight
        current.phase.shares = shares
        current.answers = [
            {**flight.answer, "staleness": current.number - flight.phase.number}
            for flight in self._buffer()
        ]

    def _training_over(self, current: Round, now: float, step: Step) -> None:
        self._sum_up(current)
        super()._training_over(current, now, step)

    def _reduce(self, current: Round, now: float, step: Step) -> None:
        """Take what is in the buffer, each update for this round and no other."""
        current.merged = self._buffer()
        self.session.flights = {each.phase.phase_id: each for each in self._in_flight()}
        super()._reduce(current, now, step)

    def _count_clients(self, current: Round) -> int:  # noqa: ARG002  its updates are in the buffer
        return len({flight.client for flight in self._buffer()})

    def _is_full(self) -> bool:
        buffer = self._buffer()
        clients = {flight.client for flight in buffer}
        return len(buffer) >= buffer_size(self.session) and len(clients) >= self.session.min_clients

    # Flights

    def _flights(self) -> list[Flight]:
        return list(self.session.flights.values())

    def _in_flight(self) -> list[Flight]:
        return [flight for flight in self._flights() if flight.is_open]

    def _buffer(self) -> list[Flight]:
        return [flight for flight in self._flights() if not flight.is_open]

    def _send_out(self, current: Round, now: float, step: Step) -> None:
        """Give idle clients the newest model, as many as may train at once."""
        free = max(0, self.session.requested_clients - len(self._in_flight()))
        seed = f"{self.session.seed}/draw/{self.session.flights_begun}"
        for combiner, clients in sample_clients(self._idle(current), free, seed).items():
            for client in clients:
                flight = self._new_flight(combiner, client, now)
                self.session.flights[flight.phase.phase_id] = flight
                step.actions += self._starts(flight.phase)

    def _idle(self, current: Round) -> dict[str, set[str]]:
        """Who may be sent out, by combiner: in a buffer that only lacks other clients, nobody asks twice."""
        busy = {flight.client for flight in self._in_flight()} | set(current.failed)
        if len(self._buffer()) >= buffer_size(self.session):
            busy |= {flight.client for flight in self._buffer()}
        return {combiner: clients - busy for combiner, clients in self._capable("TRAIN").items()}

    def _new_flight(self, combiner: str, client: str, now: float) -> Flight:
        session = self.session
        session.flights_begun += 1
        flight_id, shares = self._id("flight", session.flights_begun), {combiner: [client]}
        number = session.number + 1
        return Flight(client, new_phase(session, "TRAIN", flight_id, shares, now, number=number))

    def _answered(self, event: Answered, step: Step) -> None:  # noqa: ARG002  it counts once the phase has closed
        flight = self.session.flights.get(event.phase_id)
        if flight and not flight.answer:
            flight.answer = answer_of(event)

    def _round_of(self, phase_id: str) -> Round | None:
        return self.session.round if phase_id in self.session.flights else None

    def _share_closed(
        self, combiner: str, phase_id: str, closed: Share, now: float, step: Step
    ) -> None:
        flight = self.session.flights.get(phase_id)
        if flight is None:
            super()._share_closed(combiner, phase_id, closed, now, step)
        elif flight.is_open:
            close_share(flight.phase, combiner, closed)
            self._landed(flight, step)

    def _landed(self, flight: Flight, step: Step) -> None:
        """Keep a flight that has brought an update; of any other, only that it failed."""
        current = self.session.round
        if flight.is_open or flight.phase.answers:
            return
        if current:
            current.failed.append(flight.client)
            for problem in failures(flight.phase):
                current.problems = noted(current.problems, problem)
        self._give_up([flight], step)

    def _is_too_old(self, flight: Flight) -> bool:
        next_number = self.session.number + 1
        return next_number - flight.phase.number > self.session.staleness_max

    def _give_up(self, flights: Iterable[Flight], step: Step) -> None:
        for flight in flights:
            del self.session.flights[flight.phase.phase_id]
            step.actions += releases([flight.phase])

    # Deadlines, and what is open

    def _check_deadlines(self, now: float, step: Step) -> None:
        for flight in self._in_flight():
            if now >= flight.phase.deadline:
                close_silent_shares(flight.phase)
                self._landed(flight, step)
        super()._check_deadlines(now, step)

    def _awaited(self) -> list[Phase]:
        current = self.session.round
        return [*self._open_phases(), *([current.phase] if current else [])]

    def _open_phases(self) -> list[Phase]:
        in_flight = [flight.phase for flight in self._in_flight()]
        return [*self.session.validations.values(), *in_flight]

    # Validation

    def _validate(self, number: int, now: float, step: Step) -> None:
        """Ask for it, and give up the oldest where a slow client has too many before it."""
        super()._validate(number, now, step)
        for phase in list(self.session.validations.values())[: -limits.open_validations_max]:
            self._validation_over(phase, now, step)
