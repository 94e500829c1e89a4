"""The time in which a process was stopped or without its store is known before any deadline is judged."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from fednet import limits
from fednet.controller.sessions.engine.lost_time import LostTime

SCRIPT = """
import sys
from fednet.controller.sessions.engine.lost_time import LostTime
lost = LostTime()
print("ready", flush=True)
sys.stdin.readline()
print(lost.seconds(), flush=True)
lost.close()
"""


@pytest.fixture
def lost():
    made = LostTime()
    yield made
    made.close()


def test_a_process_that_was_stopped_knows_for_how_long():
    """The first to ask after the stop is told, though no tick came in between."""
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGSTOP)
        threading.Event().wait(4.0)
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()

        seconds = float(process.stdout.readline())

    assert seconds >= 3.5


def test_a_long_use_of_the_store_is_lost_time_and_a_short_one_is_not(lost, monkeypatch):
    """A usual duration counts for deadlines."""
    with lost.store_in_use():
        pass
    short = lost.seconds_so_far()
    monkeypatch.setattr(limits, "store_slow_seconds", 0.05)
    with lost.store_in_use():
        threading.Event().wait(0.2)

    assert lost.seconds() - short >= 0.2


def test_two_uses_at_once_count_their_time_once(lost, monkeypatch):
    """The lost time is that of the clock."""
    monkeypatch.setattr(limits, "store_slow_seconds", 0.05)
    before = lost.seconds_so_far()
    with lost.store_in_use(), lost.store_in_use():
        threading.Event().wait(0.3)
    with lost.store_in_use():
        pass

    assert 0.3 <= lost.seconds() - before < 0.6


def test_nobody_judges_a_deadline_while_the_store_hangs(lost, monkeypatch):
    """The time is told after the use of the store, and includes it."""
    monkeypatch.setattr(limits, "store_slow_seconds", 0.05)
    told, in_use, may_end = [], threading.Event(), threading.Event()

    def hang():
        with lost.store_in_use():
            in_use.set()
            threading.Event().wait(0.1)
            may_end.wait(10)

    hanging = threading.Thread(target=hang)
    hanging.start()
    in_use.wait(10)
    threading.Event().wait(0.1)
    asking = threading.Thread(target=lambda: told.append((may_end.is_set(), lost.seconds())))
    asking.start()
    may_end.set()
    hanging.join(10)
    asking.join(10)

    [(_, seconds)] = told
    assert seconds >= 0.1
