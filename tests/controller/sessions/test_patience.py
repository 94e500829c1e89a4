"""What needs the state store is done in the end, unless the controller stops or it can never be done."""

import threading

import pytest

from fednet.controller.sessions.patience import insistently
from fednet.errors import InvalidInput, Unavailable


def test_it_is_done_again_until_the_store_is_back():
    """Each failure that passes is followed by another try."""
    tries = []

    def work():
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("The store is away.")

    assert insistently(work, threading.Event(), "somebody") is True
    assert len(tries) == 3


def test_whoever_waits_is_let_go_when_the_controller_stops():
    """It is not done then, and that is said."""
    stopping = threading.Event()

    def work():
        stopping.set()
        raise Unavailable("The store is away.")

    assert insistently(work, stopping, "somebody") is False


def test_what_does_not_pass_by_waiting_is_raised_at_once():
    """Once is enough to know."""
    tries = []

    def work():
        tries.append(1)
        raise InvalidInput("This is no document.")

    with pytest.raises(InvalidInput):
        insistently(work, threading.Event(), "somebody")
    assert len(tries) == 1
