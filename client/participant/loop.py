"""The loop of a participant's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from .exceptions import UninitializedParticipant

if TYPE_CHECKING:
    from .engine import Engine


class Loop:
    """Turns an engine until it is ended, and waits while there is nothing to do.

    Args:
        engine: The participant.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._has_ended = False
        self._is_consumed = False

    def run(self, at_rest: Callable[[], None]) -> None:
        """Turn until `end` is called.

        Args:
            at_rest: Called before each pause.
        """
        while not self._has_ended:
            if self._engine.turn():
                continue
            at_rest()
            if not self._has_ended:
                self._changed.wait(self._engine.seconds_left())
            self._changed.clear()

    def wake(self) -> None:
        """End the present pause."""
        self._changed.set()

    def end(self) -> None:
        """Let `run` return after what it does at present."""
        self._has_ended = True
        self._changed.set()

    def is_ended(self) -> bool:
        """Return True once `end` was called."""
        return self._has_ended

    def consume(self) -> None:
        """Take the participant away from its handle.

        Raises:
            UninitializedParticipant: That has happened before.
        """
        with self._lock:
            self.check()
            self._is_consumed = True

    def check(self) -> None:
        """Check that the handle still has its participant.

        Raises:
            UninitializedParticipant: The participant was stopped.
        """
        if self._is_consumed:
            raise UninitializedParticipant(
                "The participant was stopped; restore it from its state with a new handle."
            )
