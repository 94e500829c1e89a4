"""The I/O of a participant: it performs the orders of its machine, one after the other."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

from numpy.typing import NDArray

from fednet.errors import FednetError, InvalidInput
from fednet.xaynet import RoundParameters, SealingKey

from .composition import Composer
from .exceptions import (
    GlobalModelDataTypeMisMatch,
    GlobalModelUnavailable,
    LocalModelDataTypeMisMatch,
    LocalModelLengthMisMatch,
)
from .log import LOG, TRACE
from .machine import Machine
from .remote import RemoteCoordinator
from .state import State
from .values import (
    Action,
    AskRound,
    AskSeeds,
    AskSums,
    Compose,
    Composed,
    ComposeUpdate,
    Deliver,
    Delivered,
    Event,
    GivenUp,
    KeyMade,
    MakeKey,
    ModelGiven,
    ModelUnfit,
    NothingNew,
    Phase,
    RoundSeen,
    SeedsSeen,
    SumsSeen,
    Wait,
)
from .weights import copied, fitted

_TASKS: Final = {
    Phase.SUM: "the sum task",
    Phase.SUM2: "the sum task",
    Phase.UPDATE: "the update task",
    Phase.DONE: "no task",
}


class Engine:
    """A participant without a thread: one thread calls `turn`, any thread the other methods.

    Args:
        remote: The coordinator.
        state: The participant.
        keeps_models: Keep a local model for later rounds, until it is used.
    """

    def __init__(self, remote: RemoteCoordinator, state: State, *, keeps_models: bool) -> None:
        self._remote = remote
        self._identity = state.identity
        self._scalar = state.scalar
        self._composer = Composer(state.identity, state.scalar)
        self._machine = Machine(state.identity, state.standing, keeps_models=keeps_models)
        self._lock = threading.Lock()  # over the machine
        self._is_reachable = True

    # The loop

    def turn(self) -> bool:
        """Do the next thing; return False if there is nothing to do at present."""
        with self._lock:
            order = self._machine.order(time.monotonic())
        if isinstance(order, Wait):
            return False
        LOG.log(TRACE, "order: %s", type(order).__name__)
        self._apply(self._performed(order))
        return True

    def seconds_left(self) -> float:
        """Return the time until there may be something to do, in seconds."""
        with self._lock:
            order = self._machine.order(time.monotonic())
        return order.seconds if isinstance(order, Wait) else 0.0

    def take_new_round(self) -> bool:
        """Return True once for each round that has begun."""
        with self._lock:
            return self._machine.take_new_round()

    @property
    def wants_model(self) -> bool:
        """True if the participant has the update task and no local model for it."""
        with self._lock:
            return self._machine.wants_model

    def give_up_round(self) -> None:
        """Take no further part in the present round."""
        self._apply(GivenUp())

    def state(self) -> State:
        """Return the participant as it is now."""
        with self._lock:
            return State(self._identity, self._scalar, self._machine.standing)

    def close(self) -> None:
        """Close the connections."""
        self._remote.close()

    # Models

    def set_model(self, values: Any) -> None:
        """Take a local model; if no round is known yet, it is checked when one is.

        Raises:
            LocalModelLengthMisMatch: The round has another length.
            LocalModelDataTypeMisMatch: The values are no numbers, or do not fit the round's data type.
        """
        model = copied(values)
        parameters = self._parameters_now()
        if parameters is not None:
            fitted(model, parameters)
        self._apply(ModelGiven(model))

    def global_model(self) -> list[Any] | None:
        """Fetch the global model, as a list; None if there is none yet.

        Raises:
            GlobalModelUnavailable: The coordinator does not answer.
            GlobalModelDataTypeMisMatch: The model has another data type or length than the coordinator says.
        """
        try:
            parameters = self._parameters() or self._remote.parameters()
        except FednetError as error:
            raise GlobalModelUnavailable(str(error)) from error
        model = self._fetched(parameters)
        return None if model is None else list(model.tolist())

    def _fetched(self, parameters: RoundParameters) -> NDArray[Any] | None:
        try:
            return self._remote.model(parameters)
        except InvalidInput as error:
            raise GlobalModelDataTypeMisMatch(str(error)) from error
        except FednetError as error:
            raise GlobalModelUnavailable(str(error)) from error

    def _parameters_now(self) -> RoundParameters | None:
        """Return the parameters of the round; None if the coordinator does not answer."""
        try:
            return self._parameters() or self._remote.parameters()
        except FednetError:
            return None

    def _parameters(self) -> RoundParameters | None:
        with self._lock:
            return self._machine.standing.parameters

    # Orders

    def _apply(self, event: Event) -> None:
        with self._lock:
            before = self._machine.standing
            self._machine.apply(event, time.monotonic())
            after = self._machine.standing
        if after.parameters != before.parameters:
            LOG.info("a new round has begun; this participant has %s", _TASKS[after.phase])
        if isinstance(event, Delivered):
            LOG.info("the message of the phase %s is delivered", before.phase.name.lower())

    def _performed(self, order: Action) -> Event:
        try:
            event = self._answered(order)
        except FednetError as error:
            self._tell(error)
            return NothingNew()
        self._is_reachable = True
        return event

    def _answered(self, order: Action) -> Event:
        """Do what is ordered; an error of fednet means that the coordinator cannot be used at present."""
        match order:
            case AskRound():
                return RoundSeen(self._remote.parameters())
            case AskSums() | AskSeeds():
                return self._asked(order) or NothingNew()
            case MakeKey():
                return KeyMade(SealingKey.generate())
            case Deliver(message):
                self._remote.deliver(message)
                return Delivered()
            case _:
                return self._composed(order)

    def _asked(self, order: AskSums | AskSeeds) -> Event | None:
        if isinstance(order, AskSums):
            sums = self._remote.sums()
            return None if sums is None else SumsSeen(sums)
        seeds = self._remote.seeds(self._identity.public)
        return None if seeds is None else SeedsSeen(seeds)

    def _composed(self, order: Compose) -> Event:
        parameters = self._parameters()
        assert parameters is not None
        model = order.model if isinstance(order, ComposeUpdate) else None
        try:
            return Composed(self._composer.compose(order, parameters), model)
        except (LocalModelLengthMisMatch, LocalModelDataTypeMisMatch) as error:
            assert model is not None
            LOG.warning("the local model is dropped: %s: %s", type(error).__name__, error)
            return ModelUnfit(model)
        except InvalidInput as error:
            LOG.error("this participant takes no further part in the round: %s", error)
            return GivenUp()

    def _tell(self, error: FednetError) -> None:
        """Log the first failure of several in a row as a warning."""
        level = logging.WARNING if self._is_reachable else logging.DEBUG
        LOG.log(level, "the coordinator cannot be used at present: %s", error)
        self._is_reachable = False
