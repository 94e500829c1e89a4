"""A command under a supervisor: its end, its limits, and its descendants."""

import os
import shlex
import signal
import socket
import subprocess
import sys

import pytest

from fednet.processes import GroupLimits, Supervised


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a shell command, and ends it when its output has ended."""

    def run(script, **options):
        process = Supervised(
            ["sh", "-c", script], folder=tmp_path, environment=dict(os.environ), **options
        )
        with process.process:
            process.printed = process.process.stdout.read().decode()
            process.end()
        return process

    return run


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("exit 137", 137)]
)
def test_the_exit_code_is_that_of_the_command(run, script, code):
    """Its signal counts as in `subprocess`."""
    ended = run(f"echo here; {script}")

    assert (ended.code, ended.exceeded, ended.printed) == (code, None, "here\n")


def test_a_relayed_signal_counts_as_one(run):
    """A command such as bubblewrap ends with 128 and the signal of the process below it."""
    assert run("exit 137", relays_signals=True).code == -9
    assert run("exit 12", relays_signals=True).code == 12
    assert run("exit 255", relays_signals=True).code == 255


def test_a_program_that_does_not_exist_is_named(tmp_path):
    """The output says what is missing, as a shell would."""
    process = Supervised(["no-such-program"], folder=tmp_path, environment=dict(os.environ))
    with process.process:
        printed = process.process.stdout.read()
        process.end()

    assert printed == b"no-such-program: No such file or directory\n"
    assert process.code == 127


def test_the_end_may_come_twice_and_from_outside(tmp_path):
    """A command that waits for ever is killed."""
    process = Supervised(["sleep", "600"], folder=tmp_path, environment=dict(os.environ))
    with process.process:
        process.kill()
        process.end()
        process.end()

    assert process.code == -signal.SIGKILL
    assert process.exceeded is None


def test_a_supervisor_that_is_killed_takes_its_command_with_it(tmp_path):
    """The system tells the command of its death, and the group is killed as well."""
    script = "sleep 600 & echo $! $$; wait"
    process = Supervised(["sh", "-c", script], folder=tmp_path, environment=dict(os.environ))
    with process.process:
        pids = [int(pid) for pid in process.process.stdout.readline().split()]
        held = [os.pidfd_open(pid) for pid in pids]
        process.process.kill()
        process.end()

        assert process.process.stdout.read() == b""  # until nobody holds it open
    assert process.code == -signal.SIGKILL
    for each in held:
        os.close(each)


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_supervisor_outlives_the_signals_that_end_a_service(tmp_path, number):
    """Its agent, which gets them too, may still finish the task."""
    process = Supervised(["sleep", "600"], folder=tmp_path, environment=dict(os.environ))
    with process.process:
        process._control.recv(1, socket.MSG_PEEK)  # the command has begun
        process.process.send_signal(number)
        process.end()

    assert process.process.returncode == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_gets_these_signals_as_usual(run, number):
    """It does not ignore them because its supervisor does."""
    assert run(f"kill -{number:d} $$").code == -number


JUST_FORKED = """
import os, signal
from fednet.processes._supervisor import Process, kill
child = os.fork()
if not child:
    signal.pause()
kill(Process.read(child))
print(os.WTERMSIG(os.waitpid(child, 0)[1]))
"""


def test_a_supervisor_does_not_kill_itself_with_a_command_that_has_just_begun():
    """Such a command leads no group of its own yet, and its group is that of the supervisor."""
    ended = subprocess.run(
        [sys.executable, "-c", JUST_FORKED],
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (0, b"9\n")


def test_processor_time_counts_from_the_beginning_of_a_task(tmp_path):
    """A process that serves many tasks may use it anew for each."""
    code = """
import os, sys, time
def use(seconds):
    over = time.process_time() + seconds
    while time.process_time() < over: pass
use(0.7); print("first", flush=True); os.read(int(sys.argv[1]), 1); use(0.7); print("second", flush=True); use(60)
"""
    reader, writer = os.pipe()
    process = Supervised(
        [sys.executable, "-c", code, str(reader)],
        folder=tmp_path,
        environment=dict(os.environ),
        bounds=GroupLimits(cpu_seconds=1),
        keep=(reader,),
    )
    with process.process, os.fdopen(writer, "w") as writing:
        assert process.process.stdout.readline() == b"first\n"
        process.begin_task()
        writing.write("\n")
        writing.flush()

        assert process.process.stdout.readline() == b"second\n"
        assert process.process.stdout.read() == b""
        process.end()
    os.close(reader)
    assert process.exceeded == "cpu_seconds"


# `act` runs in a second thread; without a limit the process ends by itself.
THREADED = """
import ctypes, mmap, os, tempfile, threading
system = ctypes.CDLL(None)
system.pthread_self.restype = ctypes.c_void_p
main = ctypes.c_void_p(system.pthread_self())
MIB = 1 << 20

def memory():
    held.append(mmap.mmap(-1, 100 * MIB))
    for _ in range(100):
        held[0].write(b"x" * MIB)

def files():
    for _ in range(4):
        held.append(tempfile.TemporaryFile(dir="."))
        held[-1].write(b"x" * 25 * MIB)

def run():
    act()
    threading.Event().wait(20)
    os._exit(0)

held = []
thread = threading.Thread(target=run)
"""
MAIN_ENDS = """
def act():
    assert system.pthread_join(main, None) == 0
    {act}()
thread.start()
system.pthread_exit(None)
"""
OWN_DESCRIPTORS = """
def act():
    assert system.unshare(0x400) == 0  # CLONE_FILES
    {act}()
thread.start()
thread.join()
"""


@pytest.mark.parametrize(
    ("code", "act", "limit"),
    [
        (MAIN_ENDS, "memory", "memory_bytes"),
        (MAIN_ENDS, "files", "disk_bytes"),
        (OWN_DESCRIPTORS, "files", "disk_bytes"),
    ],
    ids=["its memory", "its files", "descriptors of its own"],
)
def test_a_process_hides_nothing_behind_its_main_thread(run, code, act, limit):
    """A thread that has ended shows neither memory nor files, and each may have descriptors of its own."""
    command = shlex.join([sys.executable, "-c", THREADED + code.format(act=act)])

    ended = run(f"exec {command}", bounds=GroupLimits(**{limit: 50 << 20}))

    assert (ended.exceeded, ended.printed) == (limit, "")


def test_an_agent_that_dies_before_it_has_read_ends_the_command(tmp_path):
    """The socket is reset then, and not only closed."""
    script = f"""
import os
from pathlib import Path
from fednet.processes import Supervised
folder = Path({str(tmp_path)!r})
command = ["sh", "-c", "echo x; sleep 600 & sleep 600"]
Supervised(command, folder=folder, environment=dict(os.environ)).process.stdout.readline()
os._exit(0)
"""
    reader, writer = os.pipe()
    with subprocess.Popen([sys.executable, "-c", script], stderr=writer):
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            assert file.read() == b""
