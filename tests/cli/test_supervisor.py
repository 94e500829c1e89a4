"""The supervisor, with real processes: it replaces what dies, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future

import pytest

from fednet import limits
from fednet.cli._child import Program
from fednet.cli._supervisor import Supervisor
from fednet.errors import DeadlineExceeded, FailedPrecondition, FednetError, Unavailable

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
from fednet.cli._child import Program
from fednet.cli._supervisor import Supervisor
interrupted = interrupt_on_signals()
with Supervisor(Path(sys.argv[1]), interrupted) as processes:
    command = [sys.executable, "-c", sys.argv[3], sys.argv[2]]
    for component in [processes.start(Program(name, command)) for name in ("a", "b")]:
        processes.ready(component)
    print("ready", flush=True)
    processes.wait(lambda: print("back", flush=True))
"""


# Says on stderr which of its lives this is; from the third on, it dies before it is ready.
LIVES = """
import pathlib, sys
lives = pathlib.Path(sys.argv[1])
life = len(lives.read_text()) + 1 if lives.exists() else 1
lives.write_text("x" * life)
print("life", life, file=sys.stderr)
if life > int(sys.argv[2]):
    sys.exit("no more")
print('{"life": %d}' % life, flush=True)
sys.stdin.read()
"""


def python(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


class Interrupted(Exception):
    """Ends the supervisor's wait."""


@pytest.fixture
def quick_restarts(monkeypatch):
    """Pauses that do not keep the tests waiting."""
    monkeypatch.setattr(limits, "retry_seconds_first", 0.001)


def kill(component):
    """Kill a component's process, and wait until it has ended."""
    component.child.process.kill()
    component.child.ended.result()


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
def reports():
    """What the supervisor reports."""
    return []


@pytest.fixture
def processes(tmp_path, reports):
    with Supervisor(tmp_path / "logs", report=reports.append) as supervisor:
        yield supervisor


@pytest.mark.usefixtures("alive")
def test_ready_is_what_the_process_announces(processes, fifo):
    """The first line of its stdout, which is JSON."""
    component = processes.start(Program("a", python(SERVER, fifo)))

    assert processes.ready(component) == {"name": "x"}
    assert processes.pids == {"a": component.child.process.pid}


def test_an_announcement_that_is_no_json_is_refused(processes):
    """What the process said instead is in the error."""
    component = processes.start(
        Program("a", python("import sys; print('hello'); sys.stdin.read()"))
    )

    with pytest.raises(FednetError, match="a did not announce JSON: hello"):
        processes.ready(component)


def test_a_process_that_ends_before_it_is_ready_is_named_with_its_code_and_log(processes):
    """The last lines of its log say why."""
    component = processes.start(
        Program("combiner-1", python("import sys; sys.exit('the port is taken')"))
    )

    with pytest.raises(FednetError) as caught:
        processes.ready(component)

    assert caught.value.message == (
        "combiner-1 ended with exit code 1. Its log ends with:\n  the port is taken"
    )


def test_a_process_that_is_killed_before_it_is_ready_is_named_with_its_signal(processes):
    """It is not started again: whoever waits for anything hears of it at once."""
    component = processes.start(Program("client-3", python("import sys; sys.stdin.read()")))
    kill(component)

    with pytest.raises(FednetError, match=r"client-3 was ended by signal 9 \(Killed\)\."):
        processes.ready(component)


@pytest.mark.usefixtures("quick_restarts")
def test_a_process_that_is_killed_starts_again(processes, reports, tmp_path):
    """One line says so; who waits hears of it once the new process is ready, and the log goes on."""
    component = processes.start(Program("a", python(LIVES, tmp_path / "lives", 2)))
    processes.ready(component)
    first = processes.pids["a"]
    kill(component)

    def interrupt():
        raise Interrupted

    with pytest.raises(Interrupted):
        processes.wait(interrupt)

    assert component.child.announced.result() == {"life": 2}
    assert processes.pids["a"] != first
    assert reports == ["a was ended by signal 9 (Killed). It starts again in 0.0 s."]
    assert (tmp_path / "logs" / "a.log").read_text() == "life 1\nlife 2\n"


@pytest.mark.usefixtures("quick_restarts")
def test_a_later_start_knows_what_was_announced_first(processes):
    """So it can listen on the same port."""
    code = "import json, sys; print(json.dumps({'port': int(sys.argv[1])}), flush=True); sys.stdin.read()"
    program = Program("a", python(code, 7), again=lambda ready: python(code, ready["port"] * 10))
    component = processes.start(program)
    ports = [processes.ready(component)["port"]]

    def learn():
        ports.append(component.child.announced.result()["port"])
        if len(ports) == 3:
            raise Interrupted
        kill(component)

    kill(component)
    with pytest.raises(Interrupted):
        processes.wait(learn)

    assert ports == [7, 70, 70]


@pytest.mark.usefixtures("quick_restarts")
def test_a_later_process_is_told_the_same_settings(processes):
    """It waits for them as the first one did."""
    component = processes.start(
        Program(
            "a", python("import sys; print(sys.stdin.readline(), flush=True); sys.stdin.read()")
        )
    )
    component.tell({"token": "t"})
    processes.ready(component)
    kill(component)

    def learn():
        raise Interrupted

    with pytest.raises(Interrupted):
        processes.wait(learn)

    assert component.child.announced.result() == {"token": "t"}


@pytest.mark.usefixtures("quick_restarts")
def test_a_process_that_dies_too_often_is_given_up(processes, reports, tmp_path, monkeypatch):
    """The error names it and has the end of its log; each restart before was reported."""
    monkeypatch.setattr(limits, "restarts_max", 2)
    component = processes.start(Program("a", python(LIVES, tmp_path / "lives", 1)))
    processes.ready(component)
    kill(component)

    with pytest.raises(FednetError) as caught:
        processes.wait(pytest.fail)

    assert caught.value.message == (
        "a ended with exit code 1, after 2 restarts within 300 s. Its log ends with:\n"
        "  life 1\n  life 2\n  no more\n  life 3\n  no more"
    )
    assert len(reports) == 2


@pytest.mark.usefixtures("quick_restarts")
@pytest.mark.parametrize("later", ["", "print('hello', flush=True);"])
def test_a_later_process_that_does_not_become_ready_is_killed(processes, monkeypatch, later):
    """It counts as a death, as if it had ended by itself."""
    hanging = python(f"import sys; {later} sys.stdin.read()")
    component = processes.start(
        Program(
            "a",
            python("import sys; print('{}', flush=True); sys.stdin.read()"),
            again=lambda _: hanging,
        )
    )
    processes.ready(component)
    monkeypatch.setattr(limits, "start_seconds_max", 60 if later else 0.05)
    monkeypatch.setattr(limits, "restarts_max", 1)
    kill(component)

    with pytest.raises(FednetError, match=r"a was ended by signal 9 \(Killed\), after 1 restart"):
        processes.wait(pytest.fail)


def test_an_interrupt_ends_a_pause_before_a_restart(tmp_path, fifo, alive, monkeypatch):
    """The process that would have started does not; the others end."""
    monkeypatch.setattr("fednet.cli._restarts.backoff_seconds", lambda _: 3600.0)
    interrupted = Future()
    with Supervisor(tmp_path, interrupted, lambda _: interrupted.set_result(None)) as processes:
        for component in [processes.start(Program(name, python(SERVER, fifo))) for name in "ab"]:
            processes.ready(component)
        kill(component)

        with pytest.raises(KeyboardInterrupt):
            processes.wait(pytest.fail)

    assert alive.read() == b""


def test_a_server_that_ends_with_code_0_has_died_too(processes):
    """A server ends when it is told to, and not before."""
    component = processes.start(Program("a", python("pass")))

    with pytest.raises(FednetError, match="a ended with exit code 0"):
        processes.ready(component)


def test_only_the_end_of_a_long_log_is_told(processes):
    """A message that fits a screen."""
    component = processes.start(
        Program("a", python("raise SystemExit('x\\n' * 10_000 + 'the end')"))
    )

    with pytest.raises(FednetError) as caught:
        processes.ready(component)

    assert caught.value.message.endswith("\n  x\n  the end")
    assert len(caught.value.message.splitlines()) == 11


def test_a_process_that_is_not_ready_in_time_is_named(processes, monkeypatch):
    """With what it has logged so far."""
    monkeypatch.setattr(limits, "start_seconds_max", 0.1)
    component = processes.start(Program("a", python("import sys; sys.stdin.read()")))

    with pytest.raises(DeadlineExceeded, match="a was not ready within"):
        processes.ready(component)


def test_a_job_may_end(processes):
    """With exit code 0 it is done, and nobody has died."""
    job = processes.start(Program("split", python("print('some words')"), is_job=True))

    processes.finish(job)

    assert processes.while_alive(lambda: 42) == 42


def test_a_job_that_fails_is_named(processes):
    """As any process that died."""
    job = processes.start(Program("split", python("import sys; sys.exit('no data')"), is_job=True))

    with pytest.raises(FednetError, match=r"split ended with exit code 1(.|\n)*no data"):
        processes.finish(job)


def test_work_is_given_up_when_a_process_dies_for_good(processes):
    """Work that would wait for ever is not waited for."""
    job = processes.start(Program("split", python("import sys; sys.stdin.read()"), is_job=True))
    never = threading.Event()

    def work():
        job.child.process.kill()
        never.wait()

    with pytest.raises(FednetError, match="split was ended by signal 9"):
        processes.while_alive(work)
    never.set()


@pytest.mark.usefixtures("alive", "quick_restarts")
def test_work_that_a_death_has_disturbed_begins_again(processes, fifo):
    """Once the new process is ready."""
    component = processes.start(Program("controller", python(SERVER, fifo)))
    processes.ready(component)
    found = []

    def work():
        found.append(component.child)
        if len(found) == 1:
            kill(component)
            raise Unavailable("It cannot be reached.")
        return component.child.announced.result(timeout=0)

    assert processes.while_alive(work) == {"name": "x"}
    assert found[0] is not found[1]


@pytest.mark.usefixtures("alive", "quick_restarts")
def test_an_error_that_no_death_explains_is_raised_though_there_was_one(processes, fifo):
    """Doing it again would not help."""
    component = processes.start(Program("controller", python(SERVER, fifo)))
    processes.ready(component)

    def work():
        kill(component)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        processes.while_alive(work)


@pytest.mark.parametrize("error", [ZeroDivisionError(), Unavailable("It cannot be reached.")])
def test_an_error_of_the_work_is_raised(processes, monkeypatch, error):
    """While all processes live, it is the work's own."""
    monkeypatch.setattr("fednet.cli._supervisor._DEATH_NOTICE_SECONDS", 0.01)

    def work():
        raise error

    with pytest.raises(type(error)):
        processes.while_alive(work)


def test_nothing_is_left_after_an_exception(tmp_path, fifo, alive):
    """Leaving the block ends every process, however it is left."""

    def fail():
        with Supervisor(tmp_path) as processes:
            processes.ready(processes.start(Program("a", python(SERVER, fifo))))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert alive.read() == b""


def test_a_process_that_ignores_sigterm_is_killed(tmp_path, fifo, alive, monkeypatch):
    """It is asked first, and not for ever."""
    monkeypatch.setattr(limits, "stop_seconds_max", 0.1)
    with Supervisor(tmp_path) as processes:
        component = processes.start(Program("a", python(STUBBORN, fifo)))
        processes.ready(component)

    assert alive.read() == b""
    assert component.child.ended.result() == -signal.SIGKILL


def test_what_a_dead_process_left_is_killed(tmp_path, fifo, alive):
    """A process that was killed outright could not end its own children."""
    with Supervisor(tmp_path) as processes:
        component = processes.start(Program("a", python(PARENT, fifo, STUBBORN)))
        processes.ready(component)
        component.child.process.kill()

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
        processes.ready(processes.start(Program("a", python(SERVER, fifo))))
        interrupted.set_result(None)

        with pytest.raises(KeyboardInterrupt):
            processes.wait(pytest.fail)

    assert alive.read() == b""


def test_a_log_folder_that_cannot_be_made_is_refused(tmp_path):
    """The error names the setting."""
    (tmp_path / "file").touch()

    with pytest.raises(FailedPrecondition) as caught:
        Supervisor(tmp_path / "file" / "logs")

    assert caught.value.field == "data_dir"
