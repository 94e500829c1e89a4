"""A call can be given up, and its argument is prepared undisturbed."""

import threading

import pytest

from fednet.client.runtime.calls import Calls
from fednet.errors import TaskFailed

SECONDS = 10


def test_an_interruption_waits_for_what_is_being_prepared_and_nothing_is_called_with_it():
    """The caller is released at once; the next call begins when the interrupted one has ended."""
    calls, begun, may_go_on = Calls(), threading.Event(), threading.Event()
    ended, called = [], []

    def prepare():
        begun.set()
        ended.append(may_go_on.wait(SECONDS))

    canceller = threading.Thread(target=lambda: begun.wait(SECONDS) and calls.cancel())
    canceller.start()
    with pytest.raises(TaskFailed, match="cancelled"):
        calls.call("It", prepare, called.append)
    canceller.join()
    may_go_on.set()

    assert calls.call("The next", lambda: 1, lambda given: given + 1) == 2
    assert ended == [True]
    assert called == []


def test_what_cannot_be_prepared_fails_the_call():
    """The failure has the words of the error, as if the function had raised it."""
    with pytest.raises(TaskFailed, match="It failed: ValueError: no model"):
        Calls().call("It", lambda: (_ for _ in ()).throw(ValueError("no model")), print)
