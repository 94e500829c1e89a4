"""One command under a supervisor: it ends with all its descendants, also when this process is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fednet import limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SUPERVISOR: Final = Path(__file__).with_name("_supervisor.py")
_REPORT_BYTES_MAX: Final = limits.KIB
_RELAYED: Final = 128


@dataclass(frozen=True)
class GroupLimits:
    """Limits of a command with all its descendants; None for that of the machine.

    Args:
        memory_bytes: Their memory. One process cannot exceed it; all together are measured, and ended beyond it.
        processes: The number of their threads.
        disk_bytes: The size of the files in their folders, and of open files without a name.
        files: The number of these files.
        cpu_seconds: Their processor time since the task began.
        descriptors: The number of files that one process may open.
    """

    memory_bytes: int | None = None
    processes: int | None = None
    disk_bytes: int | None = None
    files: int | None = None
    cpu_seconds: float | None = None
    descriptors: int | None = None


class Supervised:
    """A command that runs as soon as it is made; `kill` may be called from any thread.

    Args:
        command: The program and its arguments.
        folder: Its current folder.
        environment: Its whole environment.
        bounds: Its limits.
        counted: The folders whose files count for its limits.
        keep: Descriptors that it inherits.
        is_confined: True to let it gain no rights by programs that would give them, such as sudo.
        relays_signals: True if its exit code 128 + n says that signal n has ended a process below it.

    Attributes:
        process: The supervisor, whose stdout is a pipe with the output of the command.

    Raises:
        OSError: The supervisor cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        bounds: GroupLimits = GroupLimits(),
        counted: Sequence[Path] = (),
        keep: Sequence[int] = (),
        is_confined: bool = False,
        relays_signals: bool = False,
    ) -> None:
        self._relays_signals = relays_signals
        order = {
            "command": list(command),
            "keep": list(keep),
            "limits": asdict(bounds),
            "folders": [str(each) for each in counted],
            "seconds": limits.measurement_seconds,
            "is_confined": is_confined,
        }
        self._lock = threading.Lock()
        self._report: tuple[int, dict[str, Any]] | None = None
        self._control, theirs = socket.socketpair()
        try:
            with theirs:
                self.process = _start(order, theirs.fileno(), folder, environment, keep)
        except BaseException:
            self._control.close()
            raise

    @property
    def code(self) -> int:
        """The exit code of the command, as in `Popen.returncode`, after `end`."""
        code = int(self._told["code"] if self._told else self.process.returncode)
        is_relayed = self._relays_signals and _RELAYED < code < _RELAYED + signal.NSIG
        return _RELAYED - code if is_relayed else code

    @property
    def exceeded(self) -> str | None:
        """The name of the limit that it has exceeded, a field of `GroupLimits`, after `end`."""
        return self._told.get("exceeded")

    def begin_task(self) -> None:
        """Count the processor time from now on."""
        with suppress(OSError):
            self._control.send(b"t")

    def kill(self) -> None:
        """Let the supervisor end everything soon."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """End everything, and wait for it; a second call does nothing."""
        self.kill()
        try:
            self.process.wait(limits.task_end_seconds_max)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with self._lock:
            if self._report is None:
                self._report = _read(self._control)
                self._control.close()
                self._kill_without_supervisor(self._report[0])

    def _kill_without_supervisor(self, group: int) -> None:
        """Kill the group of the command if its supervisor was killed itself."""
        if self.process.returncode != 0 and group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)

    @property
    def _told(self) -> dict[str, Any]:
        return self._report[1] if self._report else {}


def _start(
    order: Mapping[str, Any],
    control: int,
    folder: Path,
    environment: Mapping[str, str],
    keep: Sequence[int],
) -> subprocess.Popen[bytes]:
    # A session of its own, so that no Ctrl-C reaches it; -S and -E: the standard library only.
    return subprocess.Popen(
        [sys.executable, "-S", "-E", str(_SUPERVISOR), json.dumps(order), str(control)],
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=environment,
        pass_fds=(control, *keep),
        start_new_session=True,
    )


def _read(control: socket.socket) -> tuple[int, dict[str, Any]]:
    """Return the process id of the command and the report; 0 and an empty report of a supervisor that was killed."""
    said = b""
    with suppress(OSError):
        while piece := control.recv(_REPORT_BYTES_MAX):
            said += piece
    begun, _, report = said.partition(b"\n")
    try:
        return int(begun or 0), dict(json.loads(report or b"{}"))
    except ValueError:
        return 0, {}
