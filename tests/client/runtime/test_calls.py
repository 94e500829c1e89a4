"""A call can be given up, and its argument is prepared undisturbed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fednet.client.runtime import calls as calls_module
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
    calls.begin_task()

    assert calls.call("The next", lambda: 1, lambda given: given + 1) == 2
    assert ended == [True]
    assert called == []


def test_what_cannot_be_prepared_fails_the_call():
    """The failure has the words of the error, as if the function had raised it."""
    with pytest.raises(TaskFailed, match="It failed: ValueError: no model"):
        Calls().call("It", lambda: (_ for _ in ()).throw(ValueError("no model")), print)


def test_a_thread_waits_for_the_interruption_that_is_under_way(monkeypatch):
    """One that came after its end would be an error of the thread."""
    calls, is_called, may_return = Calls(), threading.Event(), threading.Event()
    was_alive, interrupt = [], calls_module._interrupt

    def function(_given):
        is_called.set()
        may_return.wait(SECONDS)

    def late_interruption(thread):
        may_return.set()
        thread.join(0.2)  # it has nothing more to do
        was_alive.append(thread.is_alive())
        interrupt(thread)

    monkeypatch.setattr(calls_module, "_interrupt", late_interruption)
    with ThreadPoolExecutor(1) as caller:
        called = caller.submit(calls.call, "It", lambda: None, function)
        assert is_called.wait(SECONDS)
        calls.cancel()
        calls.cancel()
        with pytest.raises(TaskFailed, match="cancelled"):
            called.result(SECONDS)
    calls._thread.join(SECONDS)

    assert was_alive == [True]
