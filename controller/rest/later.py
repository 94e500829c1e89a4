"""Answers that come later: a view says what it waits for, and gives its thread back meanwhile.

The server of this room calls the view again once the awaited thing has happened, the time is over, or the server
stops. Under any other WSGI server, the view waits in its thread.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

WAITS: Final = "fednet.waits"
"""The key of a request's `Waits` in its WSGI environment; absent where the server has no such thing."""


class Wakeable(Protocol):
    """Something that happens once."""

    def on_wake(self, then: Callable[[], None]) -> None:
        """Call `then` from any thread when it happens; at once if it has."""

    def wait(self, seconds: float) -> bool:
        """Block until it happens or the time is over."""

    def close(self) -> None:
        """Wait for it no more."""


InThread = Callable[[Callable[[], Any]], Any]
"""Runs a function that blocks in a thread of the server; to be awaited."""


class Stream(Protocol):
    """The body of an answer that goes on and on."""

    def pieces(self, in_thread: InThread) -> AsyncGenerator[bytes, None]:
        """Yield the body piece by piece, on the event loop."""


@dataclass
class Waits:
    """A request's waiting.

    Attributes:
        is_over: The server stops: answer with the present state.
        deadline: When the view answers in any case, on `time.monotonic`; set by its first call.
        awaited: The view waits for this, and its answer is none.
        stream: The body of the view's answer, in place of the one that it returns.
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
    """The state as a view sees it.

    Attributes:
        answer: The answer if the view must answer now.
        is_awaited: The state is the one that the caller waits for.
    """

    answer: Any
    is_awaited: bool


def answer_when(
    environ: Mapping[str, Any],
    seconds: float,
    listen: Callable[[], Wakeable | None],
    look: Callable[[], Look],
) -> Any:
    """Return the answer once the state is the awaited one, the time is over, or there is no place to wait.

    Args:
        environ: The request's WSGI environment.
        seconds: The longest wait.
        listen: Begins to wait for the next change; None if there is no place.
        look: Returns the state.

    Returns:
        The answer; an empty text if it comes later: the server throws it away and calls the view again.
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
