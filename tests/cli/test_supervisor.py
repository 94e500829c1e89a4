"""The supervisor, with real processes: it notices a death at once and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from fednet import limits
from fednet.cli._supervisor import Supervisor
from fednet.errors import DeadlineExceeded, FailedPrecondition, FednetError

# Holds a FIFO open for as long as it lives: whoever reads the FIFO sees the end of all of them.
SERVER = """
import sys
alive = open(sys.argv[1], "wb")
print('{"name": "x"}', flush=True)
sys.stdin.read()
"""

STUBBORN = """
import signal, sys, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
alive = open(sys.argv[1], "wb")
print('{"name": "x"}', flush=True)
threading.Event().wait()
"""

# A server with a child of its own, which does not mind the end of its parent.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print('{"name": "x"}', flush=True)
sys.stdin.read()
"""

SUPERVISOR = """
import sys
from pathlib import Path
from fednet.cli._signals import interrupt_on_signals
from fednet.cli._supervisor import Supervisor
interrupted = interrupt_on_signals()
with Supervisor(Path(sys.argv[1]), interrupted) as processes:
    command = [sys.executable, "-c", sys.argv[3], sys.argv[2]]
    for child in [processes.start(name, command) for name in ("a", "b")]:
        processes.ready(child)
    print("ready", flush=True)
    processes.wait()
"""


def python(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "alive"
    os.mkfifo(path)
    return path


@pytest.fixture
def alive(fifo):
    """The FIFO's reading end; its read returns when no process of the test lives any more."""
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "rb") as file:
        yield file


@pytest.fixture
def processes(tmp_path):
    with Supervisor(tmp_path / "logs") as supervisor:
        yield supervisor


@pytest.mark.usefixtures("alive")
def test_ready_is_what_the_process_announces(processes, fifo):
    """The first line of its stdout, which is JSON."""
    child = processes.start("a", python(SERVER, fifo))

    assert processes.ready(child) == {"name": "x"}
    assert processes.pids == {"a": child.process.pid}


def test_an_announcement_that_is_no_json_is_refused(processes):
    """What the process said instead is in the error."""
    child = processes.start("a", python("import sys; print('hello'); sys.stdin.read()"))

    with pytest.raises(FednetError, match="a announced no JSON: hello"):
        processes.ready(child)


def test_a_process_that_ends_before_it_is_ready_is_named_with_its_code_and_log(processes):
    """The last lines of its log say why."""
    child = processes.start("combiner-1", python("import sys; sys.exit('the port is taken')"))

    with pytest.raises(FednetError) as caught:
        processes.ready(child)

    assert caught.value.message == (
        "combiner-1 ended with exit code 1. Its log ends with:\n  the port is taken"
    )


@pytest.mark.usefixtures("alive")
def test_a_process_that_is_killed_is_named_with_its_signal(processes, fifo):
    """Whoever waits for anything else hears of it at once."""
    child = processes.start("client-3", python(SERVER, fifo))
    processes.ready(child)
    threading.Thread(target=child.process.kill).start()

    with pytest.raises(FednetError, match=r"client-3 was ended by signal 9 \(Killed\)\."):
        processes.wait()


def test_a_server_that_ends_with_code_0_has_died_too(processes):
    """A server ends when it is told to, and not before."""
    child = processes.start("a", python("pass"))

    with pytest.raises(FednetError, match="a ended with exit code 0"):
        processes.ready(child)


def test_only_the_end_of_a_long_log_is_told(processes):
    """A message that fits a screen."""
    child = processes.start("a", python("raise SystemExit('x\\n' * 10_000 + 'the end')"))

    with pytest.raises(FednetError) as caught:
        processes.ready(child)

    assert caught.value.message.endswith("\n  x\n  the end")
    assert len(caught.value.message.splitlines()) == 11


def test_a_process_that_is_not_ready_in_time_is_named(processes, monkeypatch):
    """With what it has logged so far."""
    monkeypatch.setattr(limits, "start_seconds_max", 0.1)
    child = processes.start("a", python("import sys; sys.stdin.read()"))

    with pytest.raises(DeadlineExceeded, match="a was not ready within"):
        processes.ready(child)


def test_a_job_may_end(processes):
    """With exit code 0 it is done, and nobody has died."""
    job = processes.start_job("split", python("print('some words')"))

    processes.finish(job)

    assert processes.while_alive(lambda: 42) == 42


def test_a_job_that_fails_is_named(processes):
    """As any process that died."""
    job = processes.start_job("split", python("import sys; sys.exit('no data')"))

    with pytest.raises(FednetError, match=r"split ended with exit code 1(.|\n)*no data"):
        processes.finish(job)


@pytest.mark.usefixtures("alive")
def test_work_is_given_up_when_a_process_dies(processes, fifo):
    """Work that would wait for ever is not waited for."""
    child = processes.start("controller", python(SERVER, fifo))
    processes.ready(child)
    never = threading.Event()

    def work():
        child.process.kill()
        never.wait()

    with pytest.raises(FednetError, match="controller was ended by signal 9"):
        processes.while_alive(work)
    never.set()


@pytest.mark.usefixtures("alive")
def test_an_error_of_the_work_gives_way_to_the_death_behind_it(processes, fifo, monkeypatch):
    """The dead process explains the broken connection, not the other way round."""
    monkeypatch.setattr("fednet.cli._supervisor._DEATH_NOTICE_SECONDS", 60)
    child = processes.start("controller", python(SERVER, fifo))
    processes.ready(child)

    def work():
        child.process.kill()
        raise ConnectionError("broken")

    with pytest.raises(FednetError, match="controller was ended by signal 9"):
        processes.while_alive(work)


def test_an_error_of_the_work_is_raised(processes, monkeypatch):
    """While all processes live, it is the work's own."""
    monkeypatch.setattr("fednet.cli._supervisor._DEATH_NOTICE_SECONDS", 0.01)

    with pytest.raises(ZeroDivisionError):
        processes.while_alive(lambda: 1 / 0)


def test_nothing_is_left_after_an_exception(tmp_path, fifo, alive):
    """Leaving the block ends every process, however it is left."""

    def fail():
        with Supervisor(tmp_path) as processes:
            processes.ready(processes.start("a", python(SERVER, fifo)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert alive.read() == b""


def test_a_process_that_ignores_sigterm_is_killed(tmp_path, fifo, alive, monkeypatch):
    """It is asked first, and not for ever."""
    monkeypatch.setattr(limits, "stop_seconds_max", 0.1)
    with Supervisor(tmp_path) as processes:
        child = processes.start("a", python(STUBBORN, fifo))
        processes.ready(child)

    assert alive.read() == b""
    assert child.ended.result() == -signal.SIGKILL


def test_what_a_dead_process_left_is_killed(tmp_path, fifo, alive):
    """A process that was killed outright could not end its own children."""
    with Supervisor(tmp_path) as processes:
        child = processes.start("a", python(PARENT, fifo, STUBBORN))
        processes.ready(child)
        child.process.kill()

    assert alive.read() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_its_supervisor(tmp_path, fifo, alive, number):
    """Not after Ctrl-C, not after SIGTERM, and not after kill -9."""
    command = python(SUPERVISOR, tmp_path / "logs", fifo, SERVER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as supervisor:
        assert supervisor.stdout.readline() == b"ready\n"
        supervisor.send_signal(number)

        assert alive.read() == b""


def test_an_interrupt_that_came_just_before_ends_a_wait(tmp_path, fifo, alive):
    """No signal is needed any more to wake who waits."""
    interrupted = Future()
    with Supervisor(tmp_path, interrupted) as processes:
        processes.ready(processes.start("a", python(SERVER, fifo)))
        interrupted.set_result(None)

        with pytest.raises(KeyboardInterrupt):
            processes.wait()

    assert alive.read() == b""


def test_a_log_folder_that_cannot_be_made_is_refused(tmp_path):
    """The error names the setting."""
    (tmp_path / "file").touch()

    with pytest.raises(FailedPrecondition) as caught:
        Supervisor(tmp_path / "file" / "logs")

    assert caught.value.field == "data_dir"
