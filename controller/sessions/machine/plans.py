"""The plan of each kind of session: the steps of its rounds in their order, and the work beside them.

This table is the one place that knows all steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from .secure import steps_of
from .state import Kind, Session
from .steps.commit import Commit
from .steps.exchange import Exchange
from .steps.flights import Flights, FlightsBeside
from .steps.masks import Masks
from .steps.plan import Plan
from .steps.predict import Predict
from .steps.reduce import Reduce
from .steps.select import Select
from .steps.step import Companion, Step
from .steps.train import Train
from .steps.validate import Validate


@dataclass(frozen=True)
class SessionPlan:
    """The steps of a session's rounds.

    Attributes:
        steps: The steps of each round, in their order.
        beside: The work that goes on beside the rounds.
        has_rounds: False if people see no rounds: the session is one run of the steps.
    """

    steps: tuple[Step, ...]
    beside: tuple[Companion, ...] = ()
    has_rounds: bool = True

    def step(self, name: str) -> Step:
        """Return the step of this name."""
        return next(step for step in self.steps if step.name == name)

    def after(self, name: str) -> Step | None:
        """Return the step after the one of this name; None after the last."""
        names = [step.name for step in self.steps]
        following = self.steps[names.index(name) + 1 :]
        return following[0] if following else None


def plan_of(session: Session) -> SessionPlan:
    """Return the plan of a session."""
    functions = session.functions
    planning: tuple[Step, ...] = (Plan(),) if functions and functions.plans else ()
    to_model: tuple[Step, ...] = (Reduce(), Commit())
    match session.kind:
        case Kind.TRAINING:
            steps = (Select(session.asks), *planning, *_training(session), *to_model)
            return SessionPlan(steps, (Validate(),))
        case Kind.ASYNCHRONOUS:
            steps = (Select(session.asks), *planning, Flights(), *to_model)
            return SessionPlan(steps, (FlightsBeside(), Validate()))
        case Kind.PREDICTION:
            return SessionPlan((Select("PREDICT"), Predict()), has_rounds=False)


def _training(session: Session) -> tuple[Step, ...]:
    """Return the steps in which clients train: with secure aggregation, between exchanges of their keys and masks."""
    options = session.options
    if options.secrecy is None:
        return (Train(),)
    before, after = steps_of(options, options.secrecy)
    unmasking = (Masks() if name == Masks.name else Exchange(name) for name in after)
    return (*map(Exchange, before), Train(), *unmasking)
