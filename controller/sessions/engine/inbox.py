"""The events that wait for a session, in their order, each with a promise that it will have been stored."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from ..machine.events import Event


@dataclass
class Letter:
    """An event, and the future of its sender."""

    event: Event
    stored: Future[None] = field(default_factory=Future)


class Inbox:
    """A bounded queue that can be closed for good: nobody is left waiting at it.

    Args:
        letters_max: While so many wait, who has one more waits too.
    """

    def __init__(self, letters_max: int) -> None:
        self._letters_max = letters_max
        self._letters: deque[Letter] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._settled = False

    def __len__(self) -> int:
        return len(self._letters)

    def put(self, event: Event) -> Future[None]:
        """Add an event. Its future is done once it is stored, and cancelled if it will not be."""
        letter = Letter(event)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._letters) < self._letters_max)
            if not self._closed:
                self._letters.append(letter)
                self._changed.notify_all()
                return letter.stored
        self._let_go(letter)
        return letter.stored

    def take(self, seconds_max: float | None) -> list[Letter]:
        """Wait for a letter, and take all that are there; return none after so many seconds, or once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._letters, seconds_max)
            if self._closed:
                return []
            taken = list(self._letters)
            self._letters.clear()
            self._changed.notify_all()
        return taken

    def close(self, *, settled: bool) -> None:
        """Take no more letters. The first call decides the end of those that wait and of those to come.

        Args:
            settled: True if they change nothing any more and count as stored; else they are cancelled, to be
                told again to the session's next driver.
        """
        with self._changed:
            if not self._closed:
                self._closed, self._settled = True, settled
            rest = list(self._letters)
            self._letters.clear()
            self._changed.notify_all()
        for letter in rest:
            self._let_go(letter)

    def _let_go(self, letter: Letter) -> None:
        if self._settled:
            letter.stored.set_result(None)
        else:
            letter.stored.cancel()
