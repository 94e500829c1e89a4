r"""A script that runs one command, and ends it with all its descendants: the supervisor of a task.

It gets an order as JSON, and the descriptor of a socket to its parent:

    command         the program and its arguments
    keep            descriptors that the command inherits
    limits          by name, or null: memory_bytes, processes, disk_bytes, files, cpu_seconds, descriptors
    folders         folders that count for disk_bytes and files
    seconds         the time between two measurements
    is_confined     true to let the command gain no rights by programs that would give them

It sends `<process id>\n` when the command has begun, and at the end {"code": exit code, "exceeded": name or null}. It
ends everything when the command has ended, when a limit is exceeded, or when the socket closes, which also happens when
the parent is killed. A byte on the socket says that a new task begins: its processor time counts from then on.

Descendants cannot hide: those whose parent ends become children of this process, also after setsid
(PR_SET_CHILD_SUBREAPER of prctl(2)). It imports the standard library only, to start quickly.
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

# Numbers of <linux/prctl.h>.
PARENT_DEATH_SIGNAL, DUMPABLE, SUBREAPER, NO_NEW_RIGHTS = 1, 4, 36, 38
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
BLOCK_BYTES = 512  # of st_blocks
WAKE_BYTES = 4096  # signals and words that are read at a time
KILL_SECONDS = 0.05  # until the survivors of a kill, which were forked meanwhile, are killed too
PAUSES = 10  # a pause takes at least so many times as long as a measurement
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # the agent decides when the task ends
MEASURED = ("memory_bytes", "processes", "disk_bytes", "cpu_seconds")


def main(order: dict[str, Any], control: socket.socket) -> None:
    """Run the command to its end, and report how it ended."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    prctl(SUBREAPER, 1)
    prctl(DUMPABLE, 0)  # the command may not trace this process
    limit_descendants(order["limits"])
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    child = start(order, control)
    send(control, f"{child}\n")
    code, exceeded = None, None
    try:
        code, exceeded = follow(child, order, control, woken)
    finally:
        code = end_all(child, code, woken)
    send(control, json.dumps({"code": code, "exceeded": exceeded}))


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process, where the system is Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def send(control: socket.socket, text: str) -> None:
    """Tell the parent, if it still lives."""
    with suppress(OSError):
        control.sendall(text.encode())


def limit_descendants(limits: dict[str, float | None]) -> None:
    """Set the limits of the system for each process: the first ones that a single process meets."""
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_DATA, limits["memory_bytes"])
    lower(resource.RLIMIT_FSIZE, limits["disk_bytes"])
    lower(resource.RLIMIT_NOFILE, limits["descriptors"])
    if limits["processes"] is not None:
        lower(resource.RLIMIT_NPROC, threads_of_user() + limits["processes"])


def lower(which: int, limit: float | None) -> None:
    """Lower a limit, also the one up to which it could be raised."""
    if limit is not None:
        _, hard = resource.getrlimit(which)
        most = int(limit) if hard == resource.RLIM_INFINITY else min(int(limit), hard)
        resource.setrlimit(which, (most, most))


def threads_of_user() -> int:
    """Return the number of threads of this user, for which the system's limit holds."""
    own, count = os.getuid(), 0
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == own:
                count += Process.read(int(pid)).threads
    return count


def start(order: dict[str, Any], control: socket.socket) -> int:
    """Fork the command, which leads a session of its own."""
    parent = os.getpid()
    child = os.fork()
    if child:
        for descriptor in order["keep"]:
            os.close(descriptor)
        return child
    try:
        control.close()
        os.setsid()
        prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if order["is_confined"]:
            prctl(NO_NEW_RIGHTS, 1)
        if os.getppid() != parent:
            os._exit(1)
        for descriptor in order["keep"]:
            os.set_inheritable(descriptor, True)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, *IGNORED):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(order["command"][0], order["command"])  # noqa: S606  the command may have a shell of its own
    except OSError as error:
        os.write(2, f"{order['command'][0]}: {error.strerror}\n".encode())
        os._exit(127)
    return 0


def follow(
    child: int, order: dict[str, Any], control: socket.socket, woken: int
) -> tuple[int | None, str | None]:
    """Return the exit code of the command, if it has ended, and the name of a limit that was exceeded."""
    limits = order["limits"]
    is_measured = any(limits[name] is not None for name in MEASURED)
    pause = order["seconds"] if is_measured else None
    cpu_before = 0.0
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [], pause)
        if woken in ready:
            os.read(woken, WAKE_BYTES)
            code, _ = reap(child)
            if code is not None:
                return code, None
        if control.fileno() in ready:
            if not is_open(control):
                return None, None
            cpu_before = cpu_seconds_of(descendants())
        if is_measured:
            began = time.monotonic()
            if exceeded := exceeded_limit(limits, order["folders"], cpu_before):
                return None, exceeded
            pause = max(order["seconds"], PAUSES * (time.monotonic() - began))


def is_open(control: socket.socket) -> bool:
    """Read the bytes of the parent; return False if it has ended, or wants the end."""
    try:
        return bool(control.recv(WAKE_BYTES))
    except ConnectionResetError:  # it has not read all
        return False


def reap(child: int) -> tuple[int | None, bool]:
    """Take note of ended children.

    Returns:
        The exit code of one of them, if it is among these, and True if children are left.
    """
    code = None
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return code, True
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
    except ChildProcessError:
        return code, False


def end_all(child: int, code: int | None, woken: int) -> int:
    """Kill all descendants until none is left; return the exit code of the command."""
    has_children = True
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    while has_children:
        for each in descendants():
            kill(each)
        ended, has_children = reap(child)
        code = ended if code is None else code
        if has_children and select.select([woken], [], [], KILL_SECONDS)[0]:
            os.read(woken, WAKE_BYTES)
    return -signal.SIGKILL if code is None else code


def kill(process: "Process") -> None:
    """Kill a process with its whole group at once, so that nothing in it can fork meanwhile."""
    if process.group != os.getpgrp():  # that of a command that has just been forked
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.group, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process.pid, signal.SIGKILL)


# Measurement


@dataclass(frozen=True)
class Process:
    """A process as /proc/<pid>/stat shows it."""

    pid: int
    parent: int
    group: int
    cpu_seconds: float  # with that of its children that it has waited for
    threads: int
    resident_bytes: int

    @classmethod
    def read(cls, pid: int) -> "Process":
        """Read the state of a process.

        Raises:
            OSError: It has ended.
        """
        fields = fields_of(f"/proc/{pid}")
        cpu = sum(map(int, fields[11:15])) / TICKS
        resident = (int(fields[21]) or resident_pages(pid)) * PAGE_BYTES
        return cls(pid, int(fields[1]), int(fields[2]), cpu, int(fields[17]), resident)


def fields_of(folder: str) -> list[bytes]:
    """Return the fields of the file stat of a process or a thread, from its state on.

    Raises:
        OSError: It has ended.
    """
    with open(f"{folder}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def threads_of(pid: int) -> list[str]:
    """Return the folders in /proc of all threads of a process, the main thread first; none if it has ended."""
    folder = f"/proc/{pid}/task"
    with suppress(OSError):
        return [f"{folder}/{thread}" for thread in os.listdir(folder)]
    return []


def resident_pages(pid: int) -> int:
    """Return the resident pages of a process whose main thread may have ended: that one shows none."""
    pages = 0
    for thread in threads_of(pid):
        with suppress(OSError):
            pages = max(pages, int(fields_of(thread)[21]))
    return pages


def descendants() -> list[Process]:
    """Return all processes below this one; none where the system does not show them."""
    found: list[Process] = []
    waiting: list[int] = []
    with suppress(OSError):
        waiting = children_of(os.getpid())
    while waiting:
        pid = waiting.pop()
        with suppress(OSError, IndexError):
            found.append(Process.read(pid))
            waiting += children_of(pid)
    return found


def children_of(pid: int) -> list[int]:
    """Return the children of a process; none if it has ended."""
    children: list[int] = []
    for thread in threads_of(pid):
        with suppress(FileNotFoundError), open(f"{thread}/children", "rb") as file:
            children += map(int, file.read().split())
    return children


def cpu_seconds_of(group: Iterable[Process]) -> float:
    """Return the processor time of these processes and of the children that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(each.cpu_seconds for each in group) + ended.ru_utime + ended.ru_stime


def exceeded_limit(
    limits: dict[str, float | None], folders: list[str], cpu_before: float
) -> str | None:
    """Return the name of the first limit that all descendants together exceed."""
    group = descendants()
    if is_above(sum(each.threads for each in group), limits["processes"]):
        return "processes"
    if is_above(cpu_seconds_of(group) - cpu_before, limits["cpu_seconds"]):
        return "cpu_seconds"
    if is_above(sum(each.resident_bytes for each in group), limits["memory_bytes"]) and is_above(
        sum(map(memory_bytes, group)), limits["memory_bytes"]
    ):
        return "memory_bytes"
    if limits["disk_bytes"] is not None:
        return exceeded_on_disk(group, folders, limits)
    return None


def is_above(used: float, limit: float | None) -> bool:
    """Return True if there is a limit, and it is exceeded."""
    return limit is not None and used > limit


def memory_bytes(process: Process) -> int:
    """Return the memory of a process: of what it shares with others its part, of files on the disk nothing."""
    for thread in threads_of(process.pid):
        try:
            return memory_shown_by(thread)
        except (FileNotFoundError, ProcessLookupError):
            continue  # this thread has ended, and others may live on
        except OSError:
            return process.resident_bytes
    return 0


def memory_shown_by(thread: str) -> int:
    """Return the memory of a process as one of its threads shows it.

    Raises:
        OSError: The thread has ended, or may not be read.
    """
    parts = dict.fromkeys((b"Pss_Anon", b"Pss_Shmem"), 0)
    with open(f"{thread}/smaps_rollup", "rb") as file:
        for name, _, size in (line.partition(b":") for line in file):
            if name in parts:
                parts[name] = int(size.split()[0]) * 1024
    return sum(parts.values())


def exceeded_on_disk(
    group: Iterable[Process], folders: list[str], limits: dict[str, float | None]
) -> str | None:
    """Return the limit of the disk that is exceeded; the walk ends as soon as that is known."""
    used, count = 0, 0
    seen: set[tuple[int, int]] = set()
    for found in (*map(files_in, folders), unnamed_files(group)):
        for status in found:
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            used, count = used + status.st_blocks * BLOCK_BYTES, count + 1
            if is_above(used, limits["disk_bytes"]):
                return "disk_bytes"
            if is_above(count, limits["files"]):
                return "files"
    return None


def files_in(folder: str) -> Iterator[os.stat_result]:
    """Yield the status of each file and folder below a folder."""
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    yield entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)


def unnamed_files(group: Iterable[Process]) -> Iterator[os.stat_result]:
    """Yield the status of each open file that has no name any more: its bytes still lie on the disk, or in memory."""
    for thread in (thread for process in group for thread in threads_of(process.pid)):
        folder = f"{thread}/fd"  # each thread may have descriptors of its own
        with suppress(OSError):
            for name in os.listdir(folder):
                with suppress(OSError):
                    status = os.stat(f"{folder}/{name}")
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        yield status


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
