"""Delayed answers: a view names the event that it waits for, and releases its thread meanwhile.

The server of this package calls the view again when the event has happened, the time is over, or the server stops.
Under any other WSGI server the view waits in its thread.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

WAITS: Final = "fednet.waits"
"""The key of a request's `Waits` in its WSGI environment; absent under other servers."""


class Wakeable(Protocol):
    """An event that happens once."""

    def on_wake(self, then: Callable[[], None]) -> None:
        """Call `then` from any thread when the event happens; at once if it has happened."""

    def wait(self, seconds: float) -> bool:
        """Block until the event happens or the time is over."""

    def close(self) -> None:
        """Stop waiting for the event."""


InThread = Callable[[Callable[[], Any]], Any]
"""Runs a blocking function in a thread of the server; await it."""


class Stream(Protocol):
    """The body of an answer without a fixed end."""

    def pieces(self, in_thread: InThread) -> AsyncGenerator[bytes, None]:
        """Yield the body piece by piece, on the event loop."""


@dataclass
class Waits:
    """The state of a waiting request.

    Attributes:
        is_over: True if the server stops: answer with the current state.
        deadline: The time by `time.monotonic` at which the view answers in any case; set by its first call.
        awaited: The event that the view waits for; its answer is ignored then.
        stream: The body of the view's answer, instead of the returned one.
    """

    is_over: bool = False
    deadline: float | None = None
    awaited: Wakeable | None = None
    stream: Stream | None = None

    def seconds_left(self, seconds: float) -> float:
        """Return the time until the view must answer: `seconds` after its first call."""
        if self.deadline is None:
            self.deadline = time.monotonic() + seconds
        return 0.0 if self.is_over else max(0.0, self.deadline - time.monotonic())


@dataclass(frozen=True)
class Look:
    """The state that a view has read.

    Attributes:
        answer: The answer, if the view must answer now.
        is_awaited: True if it is the state that the caller waits for.
    """

    answer: Any
    is_awaited: bool


def answer_when(
    environ: Mapping[str, Any],
    seconds: float,
    listen: Callable[[], Wakeable | None],
    look: Callable[[], Look],
) -> Any:
    """Return the answer when the state is the awaited one, the time is over, or no place to wait is free.

    Args:
        environ: The request's WSGI environment.
        seconds: The longest wait.
        listen: Begins to wait for the next change; returns None if no place is free.
        look: Returns the state.

    Returns:
        The answer; an empty text if the answer comes later: then the server ignores it and calls the view again.
    """
    waits = environ.get(WAITS)
    patience = waits or Waits()
    while True:
        left = patience.seconds_left(seconds)
        listener = listen() if left > 0 else None
        if listener is None:
            return look().answer
        try:
            found = look()
            if found.is_awaited:
                listener.close()
                return found.answer
        except BaseException:
            listener.close()
            raise
        if waits:
            waits.awaited = listener
            return ""
        listener.wait(left)
        listener.close()
