"""The state machine of a participant: events and the time go in, orders come out.

                 has the sum task                                 enough seeds
    NONE ──┬─────────────────────▶ SUM ── key delivered ─▶ SUM2 ── mask delivered ─▶ DONE
           ├─────────────────────▶ UPDATE ── masked model delivered ───────────────▶ DONE
           │     has the update task
           └───────────────────────────────────────────────────────────────────────▶ DONE

A new round leads to the first step from everywhere. Each turn begins with a look at the round's parameters, because the
coordinator tells nobody that a round has begun: asking again, after pauses that grow, is the protocol.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from fednet import limits
from fednet.xaynet import RoundParameters, SignatureKey, Task, is_eligible

from .values import (
    Action,
    AskRound,
    AskSeeds,
    AskSums,
    Composed,
    ComposeSum,
    ComposeSum2,
    ComposeUpdate,
    Deliver,
    Delivered,
    Event,
    GivenUp,
    KeyMade,
    LocalModel,
    MakeKey,
    ModelGiven,
    ModelUnfit,
    NothingNew,
    Order,
    Phase,
    RoundSeen,
    SeedsSeen,
    Standing,
    SumsSeen,
    Wait,
)


class Machine:
    """A participant's way through the rounds.

    Args:
        identity: The participant's long-term key.
        standing: The standing to go on from.
        keeps_models: Keep a local model for later rounds, until it is used; otherwise it belongs to its round.
        jitter: Returns numbers from 0 to 1, by which pauses differ.

    Attributes:
        standing: The present one.
        has_new_round: A round has begun that `take_new_round` has not taken yet.
    """

    def __init__(
        self,
        identity: SignatureKey,
        standing: Standing,
        *,
        keeps_models: bool,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.standing = standing
        self.has_new_round = False
        self._identity = identity
        self._keeps_models = keeps_models
        self._jitter = jitter
        self._sums: Mapping[bytes, bytes] | None = None
        self._seeds: Mapping[bytes, bytes] | None = None
        self._has_looked = False
        self._pauses = 0
        self._resumes_at = 0.0

    @property
    def wants_model(self) -> bool:
        """True if the participant has the update task and no local model for it."""
        standing = self.standing
        return (
            standing.phase is Phase.UPDATE and standing.model is None and standing.message is None
        )

    def take_new_round(self) -> bool:
        """Return True once for each round that has begun."""
        taken, self.has_new_round = self.has_new_round, False
        return taken

    def order(self, now: float) -> Order:
        """Return the next thing to do.

        Args:
            now: The time in seconds, by any clock that does not go back.
        """
        if now < self._resumes_at:
            return Wait(self._resumes_at - now)
        if not self._has_looked:
            return AskRound()
        step = self._step()
        assert step is not None, "without a step, the last event has led to a pause"
        return step

    def apply(self, event: Event, now: float) -> None:
        """Move on by an event.

        Args:
            event: The event.
            now: The time, as in `order`.
        """
        if self._moved(event):
            self._pauses, self._resumes_at = 0, now
        if isinstance(event, NothingNew) or (self._has_looked and self._step() is None):
            self._rest(now)

    def _step(self) -> Action | None:
        """Return the next step of the round; None if there is nothing to do at present."""
        standing = self.standing
        if standing.message is not None:
            return Deliver(standing.message)
        if standing.phase is Phase.SUM:
            return ComposeSum(standing.key) if standing.key else MakeKey()
        if standing.phase is Phase.SUM2 and standing.key:
            if self._seeds is None:
                return AskSeeds()
            return ComposeSum2(standing.key, self._seeds)
        if standing.phase is Phase.UPDATE:
            return self._update_step()
        return None

    def _update_step(self) -> Action | None:
        if self._sums is None:
            return AskSums()
        model = self.standing.model
        return None if model is None else ComposeUpdate(model, self._sums)

    def _moved(self, event: Event) -> bool:
        """Take an event in; return True if it brings the participant forward."""
        match event:
            case NothingNew():
                return False
            case RoundSeen(parameters):
                return self._saw_round(parameters)
            case ModelGiven(model):
                return self._took_model(model)
            case _:
                self._take(event)
                return True

    def _take(
        self, event: KeyMade | SumsSeen | SeedsSeen | Composed | ModelUnfit | Delivered | GivenUp
    ) -> None:
        """Take in an event that always brings the participant forward."""
        match event:
            case KeyMade(key):
                self.standing = replace(self.standing, key=key)
            case SumsSeen(sums):
                self._sums = sums
            case SeedsSeen(seeds):
                self._seeds = seeds
            case Composed(message, model):
                self.standing = replace(self.standing, message=message)
                self._drop_model(model)
            case ModelUnfit(model):
                self._drop_model(model)
            case Delivered():
                self._delivered()
            case GivenUp():
                self._give_up()

    def _saw_round(self, parameters: RoundParameters) -> bool:
        self._has_looked = True
        if parameters == self.standing.parameters:
            return False
        model = self.standing.model if self._keeps_models else None
        self.standing = Standing(self._first_phase(parameters), parameters, model=model)
        self._sums = self._seeds = None
        self.has_new_round = True
        return True

    def _first_phase(self, parameters: RoundParameters) -> Phase:
        if self._has_task(Task.SUM, parameters, parameters.sum_probability):
            return Phase.SUM
        if self._has_task(Task.UPDATE, parameters, parameters.update_probability):
            return Phase.UPDATE
        return Phase.DONE

    def _has_task(self, task: Task, parameters: RoundParameters, probability: float) -> bool:
        return is_eligible(self._identity.ticket(parameters.seed, task), probability)

    def _took_model(self, model: LocalModel) -> bool:
        is_awaited = self.wants_model
        self.standing = replace(self.standing, model=model)
        return is_awaited

    def _drop_model(self, model: LocalModel | None) -> None:
        """Forget a local model, unless the user has given another one since."""
        if self.standing.model is model:
            self.standing = replace(self.standing, model=None)

    def _delivered(self) -> None:
        is_sum = self.standing.phase is Phase.SUM
        phase = Phase.SUM2 if is_sum else Phase.DONE
        self.standing = replace(self.standing, phase=phase, message=None)

    def _give_up(self) -> None:
        if self.standing.phase is not Phase.NONE:
            self.standing = replace(self.standing, phase=Phase.DONE, message=None)

    def _rest(self, now: float) -> None:
        longest = min(
            limits.participant_pause_seconds_max,
            limits.participant_pause_seconds_first
            * limits.participant_pause_multiples**self._pauses,
        )
        self._resumes_at = now + longest * (1 + self._jitter()) / 2
        self._pauses = min(self._pauses + 1, limits.participant_pauses_max)
        self._has_looked = False
