"""The common part of the tests' servers: a process on a free port, stopped and started at will."""

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ANSWER_SECONDS_MAX = 60.0
PAUSE_SECONDS = 0.02

# Becomes the program that sys.argv names after a user's number, which may be empty. On Linux the kernel ends
# it when the tests are killed. Popen's `preexec_fn` and `user` would do the same between fork and exec, but there
# gRPC's handlers run: they start threads in the copy of our process and sometimes end it before it is a server.
_LAUNCH = """
import ctypes, os, signal, sys
user, *command = sys.argv[1:]
kernel, set_parent_death_signal = ctypes.CDLL(None), 1
if user:
    os.setreuid(int(user), int(user))
if sys.platform == "linux":
    kernel.prctl(set_parent_death_signal, signal.SIGQUIT)
os.execv(command[0], command)
"""

# To the kernel a server's parent is the thread that started it: this one stays as long as the tests.
_starter = ThreadPoolExecutor(1, thread_name_prefix="servers")

_held_ports = contextlib.ExitStack()
atexit.register(_held_ports.close)


class ServerProcess:
    """A server on this machine, which is started, killed and started again on the same port.

    Args:
        command: What starts it, in the foreground.
        folder: Where it stands, and where its output goes, to server.log.
        answers: Whether it serves now.
        user: The user that it runs as; None for ours.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        answers: Callable[[], bool],
        *,
        user: str | None = None,
    ) -> None:
        self._command, self._folder, self._answers, self._user = command, folder, answers, user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it serves."""
        self._process = _starter.submit(self._begin).result()
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while not self._answers():
            story = f"{self._command[0]} does not serve:\n{self._log.read_text()[-2000:]}"
            assert self._process.poll() is None, story
            assert time.monotonic() < deadline, story
            threading.Event().wait(PAUSE_SECONDS)

    def _begin(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                launched(self._command, self._user), stdout=log, stderr=log, cwd=self._folder
            )

    def ensure_started(self) -> None:
        """Start it if a test has left it stopped, or it has ended."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it without a chance to tidy up, unless another signal is given; return when it has gone."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait()

    @property
    def _log(self) -> Path:
        return self._folder / "server.log"


def launched(command: Sequence[str], user: str | None = None) -> list[str]:
    """Return the command that runs a program as another user, or as ours, and ends it with the tests."""
    number = "" if user is None else str(pwd.getpwnam(user).pw_uid)
    return [sys.executable, "-I", "-S", "-c", _LAUNCH, number, *command]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nobody listens, and which nobody else is given.

    A socket that does not listen holds it until the tests end. The kernel gives such a port to nobody who asks for any,
    and lets a server bind it that asks for this one and may reuse addresses, as servers do.
    """
    holding = _held_ports.enter_context(socket.socket())
    holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holding.bind(("127.0.0.1", 0))
    return int(holding.getsockname()[1])


def is_listening(port: int) -> bool:
    """Return True if somebody takes connections on the port of 127.0.0.1."""
    return is_listening_at("127.0.0.1", port)


def is_listening_at(host: str, port: int) -> bool:
    """Return True if somebody takes connections on the port of an address."""
    with socket.socket() as asking:
        return asking.connect_ex((host, port)) == 0


@contextlib.contextmanager
def server_folder(user: str | None = None) -> Iterator[Path]:
    """Give a temporary folder of the user's; those of pytest let nobody else in."""
    folder = Path(tempfile.mkdtemp(prefix="fednet-server-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unprivileged_user() -> str | None:
    """Return the user for a server that refuses to run as root; None if we are not root."""
    return "nobody" if os.geteuid() == 0 else None
