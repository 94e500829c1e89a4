"""A coordinator that obeys its test, and participants that are stopped at the end."""

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from small_coordinator import SECONDS_MAX, SmallCoordinator, identities, seed_for, serving

from fednet.client.participant import UninitializedParticipant
from fednet.client.participant.state import State
from fednet.client.participant.values import Standing

KEYS = identities(4)


@pytest.fixture
def coordinator() -> SmallCoordinator:
    """Two rounds, in which the first of four participants has the sum task, and a third one that nobody finishes."""
    first = seed_for(KEYS[:1], KEYS[1:])
    second = seed_for(KEYS[:1], KEYS[1:], int.from_bytes(first, "little") + 1)
    third = seed_for(KEYS[:1], KEYS[1:], int.from_bytes(second, "little") + 1)
    return SmallCoordinator([first, second, third])


@pytest.fixture
def url(coordinator: SmallCoordinator) -> Iterator[str]:
    """Its address."""
    with serving(coordinator) as url:
        yield url


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what a test has started."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def stopped(stack: ExitStack):
    """Return a function that has a handle stopped at the end, and returns it."""

    def add(handle):
        def stop() -> None:
            with suppress(UninitializedParticipant):
                handle.stop()

        stack.callback(stop)
        return handle

    return add


@pytest.fixture
def state_of():
    """Return a function that gives the state of a participant with a known key, before its first round."""

    def state(number: int, scalar: float = 1.0) -> list[int]:
        return State(KEYS[number], scalar, Standing()).to_list()

    return state


class Log(logging.Handler):
    """The lines of participants' log; a test can wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._changed = threading.Condition()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def emit(self, record: logging.LogRecord) -> None:
        with self._changed:
            self.lines.append(self.format(record))
            self._changed.notify_all()

    def wait_for(self, part: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: part in self.text, SECONDS_MAX), self.text


@pytest.fixture
def log() -> Iterator[Log]:
    """The log of participants."""
    log, logger = Log(), logging.getLogger("participant")
    logger.addHandler(log)
    yield log
    logger.removeHandler(log)
