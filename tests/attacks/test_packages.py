"""Packages that attack the site: they find nothing, reach nobody, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fednet.errors import TaskFailed

MIB = 2**20


def test_secrets_in_the_agents_environment_stay_there(site, kind, monkeypatch):
    """A package gets the usual variables, those that the site passes, and the place of the data."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    monkeypatch.setenv("FEDNET_TOKEN", "hush-hush")
    monkeypatch.setenv("DIGITS", "7")

    found = site.attack(kind, "answer(all=dict(os.environ))", passed=("DIGITS",))["all"]

    assert "hush-hush" not in str(found)
    assert found["DIGITS"] == "7"
    assert found["FEDNET_DATA_FOLDER"] == str(site.data)
    assert found["HOME"] == str(site.client / "work")
    assert found["TMPDIR"].startswith(found["HOME"])


def test_neither_credentials_nor_a_neighbours_data_can_be_read(site, bwrap):
    """The data folder can; the client's own folder and everything else is not there."""
    wanted = [
        site.secret,
        site.neighbour / "x",
        site.data / "x",
        "/etc/shadow",
        __file__,
    ]
    paths = [str(each) for each in wanted]
    code = f"answer(found=[tried(lambda: read(path)) for path in {paths}])"

    found = site.attack(bwrap, code)["found"]

    assert found == ["FileNotFoundError"] * 2 + ["content of x"] + ["FileNotFoundError"] * 2


def test_the_system_and_the_data_cannot_be_changed(site, bwrap):
    """What is written into the package's own folder stays there."""
    paths = [str(site.data / "x"), "/usr/bin/fednet-was-here", "/fednet-was-here", str(site.model)]
    code = f"answer(found=[tried(lambda: open(path, 'w')) for path in {paths} + ['own']])"

    *refused, own = site.attack(bwrap, code)["found"]

    assert set(refused) <= {"OSError", "PermissionError"}
    assert "own" in own
    assert (site.data / "x").read_text() == "content of x"


def test_no_socket_reaches_anybody(site, bwrap):
    """Neither a server on this machine, nor an abstract socket, nor a name."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as other:
        name = f"\0fednet-{os.getpid()}"
        other.bind(name)
        other.listen()
        code = f"""
answer(found=[tried(act) for act in (
    lambda: socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), 5),
    lambda: socket.socket(socket.AF_UNIX).connect({name!r}),
    lambda: socket.getaddrinfo("example.org", 80),
)])"""
        found = site.attack(bwrap, code)["found"]

    assert found == ["ConnectionRefusedError", "ConnectionRefusedError", "gaierror"]


def test_the_agent_can_be_neither_seen_nor_traced_nor_ended(site, bwrap):
    """The package has process ids of its own, and no process of the machine is among them."""
    code = f"""
attached = ctypes.CDLL(None, use_errno=True).ptrace(16, {os.getpid()}, 0, 0)
answer(attached=attached, killed=tried(lambda: os.kill({os.getpid()}, 0)),
       seen=sorted(int(each) for each in os.listdir("/proc") if each.isdigit()))"""

    found = site.attack(bwrap, code)

    assert found["attached"] == -1
    assert found["killed"] == "ProcessLookupError"
    assert len(found["seen"]) <= 4


def test_no_further_namespace_of_users_can_be_made(site, bwrap):
    """In one, a package could mount file systems in memory that no limit counts."""
    code = "answer(made=ctypes.CDLL(None, use_errno=True).unshare(0x10000000))"

    assert site.attack(bwrap, code) == {"made": -1}


# A grandchild that holds the pipe `alive` open; it has begun when this code ends.
SURVIVOR = """
begun, begin = os.pipe()
if not os.fork():
    os.setsid()
    if not os.fork():
        os.setsid()
        held = open("alive", "w")
        os.write(begin, b"x")
        signal.pause()
    os._exit(0)
os.read(begun, 1)
"""


def all_have_ended(alive):
    """Return True when nobody holds the pipe open any more."""
    os.set_blocking(alive, True)
    with os.fdopen(alive, "rb") as file:
        return file.read() == b""


def opened_pipe(site):
    os.mkfifo(site.package / "alive")
    return os.open(site.package / "alive", os.O_RDONLY | os.O_NONBLOCK)


def test_nothing_survives_its_task(site, kind):
    """Also a child that leads a session of its own, and that its parent has left."""
    alive = opened_pipe(site)

    assert site.attack(kind, f"{SURVIVOR}\nanswer(x=1)") == {"x": 1}

    assert all_have_ended(alive)


AGENT = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}]
from attacks.conftest import Site
site = Site.__new__(Site)
vars(site).update({state!r})
for name in ("folder", "client", "package", "secret", "data", "neighbour", "model"):
    setattr(site, name, Path(getattr(site, name)))
site._runtimes = []
site.attack({kind!r}, {code!r})
"""


def test_nothing_survives_the_agent(site, kind):
    """The agent is killed with -9 while the task runs and its child has left it."""
    alive = opened_pipe(site)
    os.mkfifo(site.package / "begun")
    code = f"{SURVIVOR}\nopen('begun', 'w').write('x')\nsignal.pause()"
    state = {name: str(value) for name, value in vars(site).items() if name != "_runtimes"}
    tests = str(Path(__file__).parents[1])
    script = AGENT.format(tests=tests, state=state, kind=kind, code=code)
    with subprocess.Popen([sys.executable, "-c", script]) as agent:
        assert (site.package / "begun").read_text() == "x"
        agent.send_signal(signal.SIGKILL)

    assert all_have_ended(alive)


BOMB = """
for _ in range(100):
    if not os.fork():
        signal.pause()
signal.pause()
"""


def test_a_fork_bomb_is_stopped(site, kind):
    """All its processes count together, and the message names the setting."""
    with pytest.raises(
        TaskFailed, match=r"more than 50 processes and threads .*task_processes_max"
    ):
        site.attack(kind, BOMB, processes=50)


FILLS = {
    "files": "for n in range(40): open(f'{n}', 'wb').write(bytes(1 << 20))",
    "temporary files": "import tempfile\n"
    "for n in range(40): tempfile.NamedTemporaryFile(delete=False).write(bytes(1 << 20))",
    "files without a name": "import tempfile\nheld = [tempfile.TemporaryFile() for n in range(40)]\n"
    "for each in held: each.write(bytes(1 << 20)), each.flush()",
}


@pytest.mark.parametrize("way", FILLS)
def test_a_disk_is_not_filled(site, kind, way):
    """Files count in the package's folder, in the scratch folder, and also without a name."""
    with pytest.raises(TaskFailed, match=r"bytes of files .*task_disk_bytes_max"):
        site.attack(kind, f"{FILLS[way]}\nsignal.pause()", disk_bytes=20 * MIB)


HOLDS = {
    "children": "for _ in range(4):\n    if not os.fork():\n        held = b'x' * (64 << 20)\n        signal.pause()",
    "shared": "held = mmap.mmap(-1, 300 << 20)\nheld.write(b'x' * (300 << 20))",
}


@pytest.mark.parametrize("way", HOLDS)
def test_the_memory_of_all_processes_counts(site, kind, way):
    """Four children that are each within the limit, and memory that is shared."""
    bytes_max = 200 * MIB

    with pytest.raises(
        TaskFailed, match=r"more than \d.* bytes of memory .*task_memory_bytes_max|MemoryError"
    ):
        site.attack(kind, f"{HOLDS[way]}\nsignal.pause()", memory_bytes=bytes_max)


def test_processor_time_is_bounded_over_all_processes(site, kind):
    """Time of the clock alone would not tell a task that waits from one that computes."""
    with pytest.raises(TaskFailed, match=r"more than 0\.5 seconds of processor time"):
        site.attack(kind, "os.fork(); os.fork()\nwhile True: pass", cpu_seconds=0.5)


TRICKS = {
    "link": "os.symlink({secret!r}, sys.argv[2])",
    "link to metadata": "open(sys.argv[2], 'w'); os.symlink({secret!r}, sys.argv[2] + '-metadata')",
    "pipe": "os.mkfifo(sys.argv[2])",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_an_update_that_is_a_link_or_a_pipe_is_none(site, kind, trick):
    """The agent reads no file through a link of the package, and waits for no pipe."""
    update = site.client / "update"
    runtime = site.runtime(kind, TRICKS[trick].format(secret=str(site.secret)))

    with pytest.raises(TaskFailed, match="did not write") as caught:
        runtime.train(site.model, update, {})

    assert "content of" not in f"{caught.value} {caught.value.traceback}"
    assert not os.path.lexists(update)
