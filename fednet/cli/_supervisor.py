"""Starts processes, notices at once when one dies, and leaves none behind.

Each process leads a session of its own, so that a Ctrl-C in the terminal reaches only this process,
which then stops the others. Each has a pipe from this process as its stdin: should this process be
killed outright, the pipe ends, and whatever runs with `--exit-with-parent` ends too.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar

from fednet import limits
from fednet.errors import DeadlineExceeded, FailedPrecondition, FednetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

Result = TypeVar("Result")

# A broken connection is noticed sooner than the death behind it: how long to wait for the better
# explanation.
_DEATH_NOTICE_SECONDS = 1.0


def fednet_server(*arguments: str) -> list[str]:
    """The command line of a `fednet … start` that is to run under a supervisor."""
    # -P: modules come from the installation, never from the folder that the user stands in.
    return [sys.executable, "-P", "-m", "fednet", *arguments, "--announce", "--exit-with-parent"]


@dataclass(frozen=True)
class Child:
    """One process that was started.

    Attributes:
        name: What it is called in errors and in its log's file name.
        process: The process.
        log: The file that holds its stderr.
        is_job: It is meant to end by itself; anything else that ends has died.
        announced: The first line of its stdout, which is JSON.
        ended: Its exit code, as `Popen.returncode` has it.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    is_job: bool
    announced: Future[dict[str, Any]] = field(default_factory=Future)
    ended: Future[int] = field(default_factory=Future)

    @property
    def has_died(self) -> bool:
        """It ended, and should not have."""
        return self.ended.done() and not (self.is_job and self.ended.result() == 0)

    def tell(self, settings: Mapping[str, str]) -> None:
        """Hand it the settings that it waits for (`--settings-from-parent`); its death is told elsewhere."""
        stdin = _stream(self.process.stdin)
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(settings).encode() + b"\n")
            stdin.flush()

    def watch(self) -> None:
        """Learn of its announcement and of its end as they happen, each in a thread of its own."""
        for target in (self._read_stdout, self._await_end):
            threading.Thread(target=target, name=f"{self.name}-watch", daemon=True).start()

    def _read_stdout(self) -> None:
        with _stream(self.process.stdout) as stdout:
            line = stdout.readline(limits.json_bytes_max)
            if line and not self.is_job:
                self._announce(line)
            while stdout.read(limits.chunk_bytes):
                pass

    def _announce(self, line: bytes) -> None:
        try:
            self.announced.set_result(json.loads(line))
        except ValueError:
            said = line.decode(errors="replace").strip()
            self.announced.set_exception(FednetError(f"{self.name} announced no JSON: {said}"))

    def _await_end(self) -> None:
        self.ended.set_result(self.process.wait())

    def kill(self) -> None:
        """Kill the process and whatever it has left in its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def story(self) -> str:
        """How it ended, and the last lines of its log."""
        code = self.ended.result()
        how = f"ended with exit code {code}"
        if code < 0:
            how = f"was ended by signal {-code} ({signal.strsignal(-code)})"
        return f"{self.name} {how}.{self.log_tail()}"

    def log_tail(self) -> str:
        """The last lines of its log as the end of a message; empty when there are none."""
        with self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limits.log_tail_bytes_max))
            lines = deque(file.read().decode(errors="replace").splitlines(), maxlen=10)
        return "\n  ".join([" Its log ends with:", *lines]) if lines else ""


class Supervisor:
    """The processes of one network; as a context manager it stops them all, whatever happened.

    Args:
        log_dir: The folder of the processes' logs, `<name>.log`; each begins anew.
        interrupted: What comes when waiting is to end with KeyboardInterrupt.

    Raises:
        FailedPrecondition: The folder cannot be made.
    """

    def __init__(self, log_dir: Path, interrupted: Future[None] | None = None) -> None:
        try:
            log_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FailedPrecondition(
                f"The folder {log_dir} cannot be made: {error.strerror}. "
                "Choose another data folder.",
                field="data_dir",
            ) from error
        self._log_dir = log_dir
        self._interrupted: Future[None] = interrupted or Future()
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name."""
        return {child.name: child.process.pid for child in self._children}

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start a process that is to run until it is stopped; returns at once.

        Args:
            name: A name for errors, and for the log's file.
            command: The program and its arguments.
            environment: All of its environment; by default this process's.
        """
        return self._start(name, command, environment, is_job=False)

    def start_job(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start a process that does one thing and ends; `finish` waits for it."""
        return self._start(name, command, environment, is_job=True)

    def _start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        *,
        is_job: bool,
    ) -> Child:
        log = self._log_dir / f"{name}.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                start_new_session=True,
            )
        child = Child(name, process, log, is_job)
        self._children.append(child)
        child.watch()
        return child

    def ready(self, child: Child) -> dict[str, Any]:
        """What the process announced, once it has.

        Raises:
            FednetError: A process died meanwhile.
            DeadlineExceeded: It took longer than `limits.start_seconds_max`.
        """
        if not self._await(child.announced, limits.start_seconds_max):
            seconds = limits.start_seconds_max
            raise DeadlineExceeded(
                f"{child.name} was not ready within {seconds:.0f} s.{child.log_tail()}"
            )
        return child.announced.result()

    def finish(self, job: Child) -> None:
        """Wait for a job.

        Raises:
            FednetError: It failed, or another process died meanwhile.
        """
        self._await(job.ended)

    def while_alive(self, work: Callable[[], Result]) -> Result:
        """The result of `work`, which runs in a thread for as long as all processes live.

        Raises:
            FednetError: A process died, and the work is given up; or the work raised it.
        """
        future: Future[Result] = Future()
        threading.Thread(target=_fulfil, args=(future, work), name="work", daemon=True).start()
        self._await(future)
        if future.exception():
            self._await(Future(), _DEATH_NOTICE_SECONDS)  # a death would be the better explanation
        return future.result()

    def wait(self) -> None:
        """Wait until a process dies.

        Raises:
            FednetError: Always: it names the process that died.
        """
        self._await(Future())

    def _await(self, future: Future[Any], seconds: float | None = None) -> bool:
        """Whether the future came within the time; raises as soon as a process dies."""
        while True:
            running = [child.ended for child in self._children if not child.ended.done()]
            self._raise_if_one_died()
            awaited = [future, self._interrupted, *running]
            done, _ = wait(awaited, timeout=seconds, return_when=FIRST_COMPLETED)
            if self._interrupted.done():
                raise KeyboardInterrupt
            self._raise_if_one_died()
            if future in done or not done:
                return future in done

    def _raise_if_one_died(self) -> None:
        for child in self._children:
            if child.has_died:
                raise FednetError(child.story())

    def stop(self) -> None:
        """End every process: asked first, then by force; none is left when this returns."""
        ended = [child.ended for child in self._children]
        try:
            for child in self._children:
                child.process.terminate()
            wait(ended, timeout=limits.stop_seconds_max)
        finally:
            for child in self._children:
                child.kill()
            wait(ended, timeout=limits.stop_seconds_max)
            for child in self._children:
                _stream(child.process.stdin).close()


def _fulfil(future: Future[Result], work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits
        future.set_exception(error)


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "every process is started with pipes"
    return stream
