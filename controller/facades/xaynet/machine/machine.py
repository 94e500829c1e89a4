"""The coordinator's state machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fednet.xaynet import FIRST_SEED, SealingKey, next_round_seed

from .gathered import Gathered
from .values import (
    Consequences,
    Entry,
    Event,
    KeyMade,
    MakeKey,
    MaskEntry,
    ModelMade,
    Order,
    PetPhase,
    Received,
    RoundPlace,
    SumEntry,
    TimeCheck,
    Unmask,
    UnmaskingFailed,
    UpdateEntry,
    Verdict,
)
from .windows import Course, Window

BEFORE_ALL = RoundPlace(PetPhase.IDLE, 0, FIRST_SEED, b"")
"""The place before the first round."""


@dataclass(frozen=True)
class Rules:
    """The rules of all rounds.

    Attributes:
        sum_probability: The share of participants with the sum task.
        update_probability: The share of the others with the update task.
        windows: The rule of each phase that collects messages.
        models_max: The number of models that the masks hold.
    """

    sum_probability: float
    update_probability: float
    windows: Mapping[PetPhase, Window]
    models_max: int


@dataclass(frozen=True)
class _Collecting:
    """A phase that collects messages of one kind, and the phase that follows."""

    kind: type[Entry]
    next_phase: PetPhase


_COLLECTING = {
    PetPhase.SUM: _Collecting(SumEntry, PetPhase.UPDATE),
    PetPhase.UPDATE: _Collecting(UpdateEntry, PetPhase.SUM2),
    PetPhase.SUM2: _Collecting(MaskEntry, PetPhase.UNMASK),
}


class RoundMachine:
    """The state of a coordinator.

    Args:
        rules: The rules of all rounds.
        place: The place in the rounds, as it was stored last.
        entries: The accepted messages of this round, in their order.
        now: The time in seconds; the phase under way begins its time anew.

    Attributes:
        place: The place in the rounds.
        gathered: The accepted messages of this round.
    """

    def __init__(
        self, rules: Rules, place: RoundPlace, entries: Iterable[Entry], now: float
    ) -> None:
        self._rules = rules
        self._began = now
        self.place = place
        self.gathered = Gathered(rules.models_max)
        for entry in entries:
            self.gathered.add(entry)

    def decide(self, event: Event, now: float) -> Consequences:
        """Return the consequences of an event at a time in seconds; an event of another phase has none."""
        phase, consequences = self.place.phase, Consequences()
        match event:
            case Received():
                consequences = self._decide_on_message(event)
            case TimeCheck() if phase in _COLLECTING:
                consequences = self._decide_on_window(_COLLECTING[phase], now)
            case TimeCheck() if phase is PetPhase.FAILURE:
                consequences = self._moved(PetPhase.IDLE)
            case KeyMade(secret) if phase is PetPhase.IDLE:
                consequences = Consequences(place=self._next_round(SealingKey(secret)))
            case ModelMade() if phase is PetPhase.UNMASK:
                consequences = self._moved(PetPhase.IDLE, model_round=self.place.round_number)
            case UnmaskingFailed(reason) if phase is PetPhase.UNMASK:
                consequences = self._failed(reason)
        return consequences

    def apply(self, consequences: Consequences, now: float) -> None:
        """Make the consequences of an event true."""
        if consequences.entry is not None:
            self.gathered.add(consequences.entry)
        if consequences.place is not None:
            if consequences.place.round_number != self.place.round_number:
                self.gathered = Gathered(self._rules.models_max)
            self.place, self._began = consequences.place, now

    @property
    def order(self) -> Order | None:
        """The work that the phase waits for, beside messages and time; the same after a restart."""
        if self.place.phase is PetPhase.IDLE:
            return MakeKey()
        if self.place.phase is PetPhase.UNMASK:
            winner = self.gathered.winner()
            assert winner is not None  # otherwise the round has failed
            return Unmask(winner, len(self.gathered.updates))
        return None

    def seconds_left(self, now: float) -> float:
        """Return the time until something happens by itself."""
        collecting = _COLLECTING.get(self.place.phase)
        if collecting is None:
            return 0.0
        count = self.gathered.count(collecting.kind)
        return self._window.seconds_left(count, now - self._began)

    @property
    def _window(self) -> Window:
        return self._rules.windows[self.place.phase]

    def _decide_on_message(self, message: Received) -> Consequences:
        collecting = _COLLECTING.get(self.place.phase)
        is_due = collecting and isinstance(message.entry, collecting.kind)
        if collecting is None or not is_due or message.round_number != self.place.round_number:
            return Consequences(Verdict.DISCARDED, f"the phase is {self.place.phase}")
        if objection := self.gathered.objection(message.entry):
            return Consequences(Verdict.REJECTED, objection)
        if self.gathered.count(collecting.kind) >= self._window.count_max:
            return Consequences(
                Verdict.DISCARDED, f"the phase has {self._window.count_max} already"
            )
        return Consequences(Verdict.ACCEPTED, entry=message.entry)

    def _decide_on_window(self, collecting: _Collecting, now: float) -> Consequences:
        count = self.gathered.count(collecting.kind)
        match self._window.course(count, now - self._began):
            case Course.OPEN:
                return Consequences()
            case Course.TIMED_OUT:
                needed, seconds = self._window.count_min, self._window.seconds_max
                return self._failed(
                    f"the phase {self.place.phase} had {count} of {needed} messages after {seconds:g} s"
                )
            case Course.COMPLETE:
                return self._completed(collecting)

    def _completed(self, collecting: _Collecting) -> Consequences:
        if collecting.next_phase is PetPhase.UNMASK and self.gathered.winner() is None:
            return self._failed("several sums of masks have the most votes")
        return self._moved(collecting.next_phase)

    def _next_round(self, key: SealingKey) -> RoundPlace:
        seed = next_round_seed(
            key, self.place.seed, self._rules.sum_probability, self._rules.update_probability
        )
        return RoundPlace(
            PetPhase.SUM,
            self.place.round_number + 1,
            seed,
            key.secret,
            self.place.model_round,
        )

    def _moved(self, phase: PetPhase, model_round: int | None = None) -> Consequences:
        newest = self.place.model_round if model_round is None else model_round
        return Consequences(place=replace(self.place, phase=phase, model_round=newest, reason=""))

    def _failed(self, reason: str) -> Consequences:
        return Consequences(place=replace(self.place, phase=PetPhase.FAILURE, reason=reason))
