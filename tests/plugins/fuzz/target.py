"""A target of fuzzing: a parser that is fed with any bytes."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A parser: it returns, or it raises one of its refusals.

    Attributes:
        name: Its name.
        feed: Gives it bytes; the path is an empty folder for files, and `feed` leaves it empty.
        seeds: Returns inputs that it takes.
        refusals: The errors by which it refuses. Any other one is a finding.
    """

    name: str
    feed: Callable[[bytes, Path], object]
    seeds: Callable[[Path], list[bytes]]
    refusals: tuple[type[Exception], ...]

    def run(self, content: bytes, folder: Path) -> None:
        """Feed the parser; raises only what is a finding."""
        with contextlib.suppress(*self.refusals):
            self.feed(content, folder)
