"""The values and the interface by which systems are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

MEGABYTE = 1_000_000


def random_model(parameters: int) -> np.ndarray:
    """Return a float32 array that no compression makes much smaller."""
    return np.random.default_rng(0).standard_normal(parameters, np.float32)


@dataclass(frozen=True)
class Shape:
    """The size of a measurement: all clients fetch the model and send an update in each round.

    Attributes:
        clients: The number of clients, each a process of its own.
        megabytes: The size of the model, one float32 array, in units of 1,000,000 bytes.
    """

    clients: int
    megabytes: int

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Return the shape that a text like "4x50" describes.

        Raises:
            ValueError: The text is not two positive whole numbers around an x.
        """
        clients, _, megabytes = text.partition("x")
        shape = cls(int(clients), int(megabytes))
        if min(shape.clients, shape.megabytes) < 1:
            raise ValueError(f"Invalid shape {text!r}: use CLIENTSxMEGABYTES, for example 4x50.")
        return shape

    @property
    def parameters(self) -> int:
        """The number of float32 values in the model."""
        return self.megabytes * MEGABYTE // 4

    @property
    def gigabytes_per_round(self) -> float:
        """The bytes that one round moves: the model to each client, and an update back."""
        return 2 * self.clients * self.megabytes / 1000

    def __str__(self) -> str:
        return f"{self.clients} x {self.megabytes} MB"


@dataclass(frozen=True)
class Rounds:
    """The rounds that a running system has done.

    Attributes:
        seconds: The durations of those that are measured.
        count: The number of all, also of a first one that is not measured.
    """

    seconds: Sequence[float]
    count: int


class RunningSystem(Protocol):
    """A system whose processes are ready."""

    @property
    def pids(self) -> Mapping[str, Sequence[int]]:
        """The ids of the system's first processes by role; their children have the same role."""

    def run(self, rounds: int) -> Rounds:
        """Do this many measured rounds, and perhaps one more before them."""


class System(Protocol):
    """A system that can be started any number of times."""

    @property
    def name(self) -> str:
        """The name in the table."""

    def started(self, shape: Shape) -> AbstractContextManager[RunningSystem]:
        """Start all processes; end them at the exit of the context."""
