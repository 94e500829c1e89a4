"""Work that needs the state store is done in the end, unless the controller stops or the work cannot succeed."""

import threading

import pytest

from fednet.controller.sessions.engine.lost_time import LostTime
from fednet.controller.sessions.engine.patience import Patience
from fednet.errors import InvalidInput, Unavailable


@pytest.fixture
def lost():
    made = LostTime()
    yield made
    made.close()


@pytest.fixture
def patience(lost):
    return Patience(threading.Event(), lost)


def test_work_is_done_again_until_the_store_is_back(patience):
    """Each failure that passes is followed by another try."""
    tries = []

    def work():
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("The store is away.")

    assert patience.insist(work, "somebody") is True
    assert len(tries) == 3


@pytest.mark.parametrize("whose", ["controller", "own"])
def test_whoever_waits_is_let_go_at_the_end(patience, whose):
    """The work is not done then, and the caller is told."""
    own = threading.Event()

    def work():
        (own if whose == "own" else patience.stopping).set()
        raise Unavailable("The store is away.")

    assert patience.insist(work, "somebody", own if whose == "own" else None) is False


def test_an_error_that_does_not_pass_is_raised_at_once(patience):
    """The work is not tried again."""
    tries = []

    def work():
        tries.append(1)
        raise InvalidInput("This is no document.")

    with pytest.raises(InvalidInput):
        patience.insist(work, "somebody")
    assert len(tries) == 1
