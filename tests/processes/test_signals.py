"""Signals of one process, and of the children that its code forks."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from fednet.processes import SignalWatch, handle_signal

SECONDS = 60


@pytest.fixture
def handled():
    """Handles SIGUSR1; the list of what has come."""
    before, came = signal.getsignal(signal.SIGUSR1), []
    handle_signal(signal.SIGUSR1, lambda number, _: came.append(number))
    yield came
    signal.signal(signal.SIGUSR1, before)


def in_child(check):
    """Return what a check says in a forked child, in a thread as users' code has one."""
    codes = []

    def fork():
        child = os.fork()
        if not child:
            os._exit(int(check()))
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join(SECONDS)
    return codes[0]


def test_a_watch_calls_after_each_signal(handled):
    """In a thread of its own."""
    called = threading.Event()
    with closing(SignalWatch(called.set)):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert called.wait(SECONDS)

    assert handled == [signal.SIGUSR1]


def test_a_forked_child_has_the_default_of_the_system(handled):
    """So a pool of processes ends its workers at once, whatever they wait for."""
    assert in_child(lambda: signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL) == 1
    assert signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL
    assert handled == []


@pytest.mark.usefixtures("handled")
def test_a_handler_of_users_own_stays_in_their_children():
    """It is no business of ours."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    assert in_child(lambda: signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN) == 1


@pytest.mark.usefixtures("handled")
def test_a_signal_of_a_child_does_not_reach_its_parent():
    """The child's copy of the pipe is closed, and its parent's watch ends although the child lives."""
    called, alive = threading.Event(), os.pipe()
    watch = SignalWatch(called.set)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGUSR1, lambda *_: None)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.write(alive[1], b"x")
        signal.pause()
    try:
        os.read(alive[0], 1)
        watch.close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for end in alive:
            os.close(end)

    assert not called.is_set()


def test_a_signal_that_comes_while_a_child_is_set_up_ends_it():
    """Python forgets such a signal, and a pool then waits for that worker without end."""
    script = (
        "import os, signal\n"
        "os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "from fednet.processes import handle_signal\n"
        "handle_signal(signal.SIGTERM, lambda *_: None)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], timeout=SECONDS, capture_output=True, check=False
    )

    assert (done.stdout.split(), done.stderr) == ([str(-signal.SIGTERM).encode()], b"")


def test_pools_of_processes_end_in_a_process_that_handles_sigterm():
    """A worker that is ended just before it waits ends, too: many pools give it the chance."""
    script = (
        "import multiprocessing, signal\n"
        "from fednet.processes import SignalWatch, handle_signal\n"
        "watch = SignalWatch(lambda: None)\n"
        "handle_signal(signal.SIGTERM, lambda *_: None)\n"
        "for _ in range(20):\n"
        "    with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "        assert pool.map(abs, range(-3, 0)) == [3, 2, 1]\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], timeout=SECONDS, capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")
