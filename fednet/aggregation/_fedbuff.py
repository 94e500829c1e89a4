"""Buffered aggregation for clients that do not wait for each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fednet.aggregation._keeping import Keeping
from fednet.aggregation._kept_updates import KeptUpdates, Update, exact_mean, walk
from fednet.aggregation._rounding import round_into
from fednet.aggregation._settings import Limits, setting
from fednet.aggregation._trained import exclude_setting, stepped_arrays
from fednet.errors import InvalidModel
from fednet.parameters import Structure, check_structure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class FedBuff(Keeping):
    """The mean of the clients' steps, each damped by the age of the model that it began with.

    Nguyen, Malik, Zhan, Yousefpour, Rabbat, Malek and Huba, "Federated Learning with Buffered
    Asynchronous Aggregation", AISTATS 2022, arXiv:2106.06639, algorithm 1: clients train without
    waiting for each other, and K updates in the buffer become a model. With
    the step d_i from the model that client i began with to its update, and the number t_i of
    models that were made meanwhile, x becomes x + server_learning_rate / K * Σ s(t_i) * d_i, where
    s(t) = (1 + t) ** -staleness_exponent. K is the session's `round_buffer_size`; whatever their
    examples, updates of one age count alike. Integers, booleans and the arrays of `exclude` take no step; they become
    the mean under s.
    """

    server_learning_rate: float = setting(
        1.0,
        Limits(float, "the factor of a step; 1 takes the clients' mean step", above=0, most=1e6),
    )
    staleness_exponent: float = setting(
        0.5,
        Limits(
            float,
            "the speed at which old updates lose weight; with 0 all count alike",
            least=0,
            most=10,
        ),
    )
    staleness_max: int = setting(
        100,
        Limits(
            int,
            "the largest age of an update, in rounds; older tasks are cancelled",
            least=1,
            most=1_000_000,
        ),
    )

    exclude: tuple[str, ...] = exclude_setting()

    name: ClassVar[str] = "fedbuff"

    def partial(self, structure: Structure) -> BufferedUpdates:
        """Return an empty partial for models of this structure."""
        return BufferedUpdates(structure, self)

    def combine(self, numbers: _Array, weights: _Array) -> _Array:
        """Return the weighted sum of the steps, divided by their number."""
        return np.asarray(weights @ numbers / len(numbers))

    def weight_of(self, staleness: int) -> float:
        """Return the weight of a step that began this number of models ago."""
        return float((1 + staleness) ** -self.staleness_exponent)


class BufferedUpdates(KeptUpdates):
    """Updates, each with the model that it began with; a `Partial`.

    By default that is the model with which the round began.
    """

    def __init__(self, structure: Structure, rule: FedBuff, updates: Iterable[Update] = ()) -> None:
        super().__init__(structure, rule)
        self._fedbuff = rule
        self._kept = list(updates)

    def aged(self, base: Sequence[_Array], staleness: int) -> Self:
        """Return the same updates, from an older model; see `Partial.aged`."""
        check_structure(Structure.of(base), self.structure)
        aged = (replace(each, base=tuple(base), staleness=staleness) for each in self._kept)
        return type(self)(self.structure, self._fedbuff, aged)

    def finish(
        self,
        base: Sequence[_Array] = (),
        state: Sequence[_Array] | None = None,  # noqa: ARG002  nothing is remembered
    ) -> Iterator[_Array]:
        """Yield the base, moved by the damped steps; see `Partial.finish`."""
        self.check_updates()
        weights = np.array([self._fedbuff.weight_of(each.staleness) for each in self._kept])
        befores = [Update(each.base or base, each.weight) for each in self._kept]
        rows = [*self._kept, *befores, Update(base, 0)]
        stepped = stepped_arrays(self.structure, self._fedbuff.exclude)
        return (
            self._moved(position, rows, weights)
            if position in stepped
            else self._mean(position, weights)
            for position in range(len(base))
        )

    def _moved(self, position: int, rows: Sequence[Update], weights: _Array) -> _Array:
        """Compute one array of the new model; the rows are the updates, their bases, and the base of the round."""
        spec = self.structure.arrays[position]
        moved = np.empty(spec.shape, spec.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            for numbers, target in walk(rows, position, moved):
                made = self._step(numbers, weights)
                if np.isnan(made).any():
                    raise InvalidModel(
                        f"The step of array '{position}' overflows. Lower the clients' learning rate."
                    )
                round_into(target, made)
        return moved

    def _mean(self, position: int, weights: _Array) -> _Array:
        """Compute the mean of one array that takes no step."""
        spec = self.structure.arrays[position]
        if not spec.dtype.startswith("float"):
            return exact_mean(self._kept, weights.tolist(), position, spec)
        mean = np.empty(spec.shape, spec.dtype)
        with np.errstate(over="ignore"):
            for numbers, target in walk(self._kept, position, mean):
                round_into(target, weights @ numbers / weights.sum())
        return mean

    def _step(self, numbers: _Array, weights: _Array) -> _Array:
        updates, befores, base = np.split(numbers, [len(weights), 2 * len(weights)])
        steps = np.subtract(updates, befores, out=updates)
        rate = self._fedbuff.server_learning_rate
        return np.asarray(base[0] + rate * self._fedbuff.combine(steps, weights))
