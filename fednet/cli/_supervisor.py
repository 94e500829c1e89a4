"""Keeps processes running, restarts dead ones, and leaves none behind.

Each process leads a session of its own, so that a Ctrl-C in the terminal reaches only this process, which then stops
the others. The stdin of each is a pipe from this process: if this process is killed, the pipe ends, and each process
with `--exit-with-parent` ends, too.

Components are tended in the thread that waits for something.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import click

from fednet import limits
from fednet.cli._component import Component
from fednet.errors import DeadlineExceeded, FailedPrecondition, FednetError
from fednet.files import private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fednet.cli._child import Program

Result = TypeVar("Result")

# A broken connection is noticed earlier than the death that caused it: the time to wait for the death.
_DEATH_NOTICE_SECONDS = 1.0


def _to_stderr(text: str) -> None:
    click.echo(text, err=True)


class Supervisor:
    """The processes of one network; as a context manager it stops them all at the end.

    Args:
        log_dir: The folder of the processes' logs, `<name>.log`; earlier logs are replaced.
        interrupted: A future; when it is done, waiting ends with KeyboardInterrupt.
        report: Is called with a line about each restart; by default it is printed on stderr.

    Raises:
        FailedPrecondition: The folder cannot be created.
    """

    def __init__(
        self,
        log_dir: Path,
        interrupted: Future[None] | None = None,
        report: Callable[[str], None] = _to_stderr,
    ) -> None:
        try:
            private_folder(log_dir)
        except OSError as error:
            raise FailedPrecondition(
                f"Cannot create the folder {log_dir}: {error.strerror}. Choose another data folder.",
                field="data_dir",
            ) from error
        self._log_dir = log_dir
        self._interrupted: Future[None] = interrupted or Future()
        self._report = report
        self._components: list[Component] = []
        self._returns = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name."""
        return {each.name: each.child.process.pid for each in self._components}

    def start(self, program: Program) -> Component:
        """Start a program, and keep it running until it is stopped; return at once."""
        component = Component(program, self._log_dir / f"{program.name}.log", self._report)
        self._components.append(component)
        return component

    def ready(self, component: Component) -> dict[str, Any]:
        """Wait until a component is ready for the first time, and return its announcement.

        Raises:
            FednetError: A process died and is not started again.
            DeadlineExceeded: The component took longer than `limits.start_seconds_max`.
        """
        announced = component.announced
        if not self._wait_until(announced.done, [announced], limits.start_seconds_max):
            seconds = limits.start_seconds_max
            raise DeadlineExceeded(
                f"{component.name} was not ready within {seconds:.0f} s."
                f"{component.child.log_tail()}"
            )
        return announced.result()

    def finish(self, job: Component) -> None:
        """Wait for a job.

        Raises:
            FednetError: The job failed, or a process died and is not started again.
        """
        ended = job.child.ended
        self._wait_until(ended.done, [ended])

    def while_alive(self, work: Callable[[], Result]) -> Result:
        """Return the result of `work`, which runs in a thread.

        After the death of a component, disturbed work begins again when all components are back, so it must be
        idempotent.

        Raises:
            FednetError: A process died and is not started again, or the work failed.
        """
        while True:
            deaths = self._deaths()
            future = _in_thread(work)
            self._wait_until(future.done, [future])
            error = future.exception()
            if error is None:
                return future.result()
            self._wait_until(lambda: False, [], _DEATH_NOTICE_SECONDS)
            if not _is_passing(error) or self._deaths() == deaths:
                raise error
            self._wait_until(lambda: not any(each.is_away for each in self._components), [])

    def wait(self, on_return: Callable[[], object]) -> NoReturn:
        """Keep the components running until an interrupt.

        Args:
            on_return: Is called after a component has died and is ready again.

        Raises:
            FednetError: A process died and is not started again.
        """
        while True:
            self._returns = 0
            self._wait_until(lambda: self._returns > 0, [])
            on_return()

    def _wait_until(
        self,
        is_reached: Callable[[], bool],
        awaited: Sequence[Future[Any]],
        seconds: float | None = None,
    ) -> bool:
        """Tend the components until a condition holds; return False if the time is over before.

        Args:
            is_reached: The condition; checked after each event.
            awaited: Further futures to wait for.
            seconds: The time limit; None for no limit.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            self._tend()
            if is_reached():
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            self._await_news(awaited, deadline)

    def _tend(self) -> None:
        now = time.monotonic()
        for component in self._components:
            self._returns += component.tend(now)

    def _await_news(self, awaited: Sequence[Future[Any]], deadline: float | None) -> None:
        news = [future for component in self._components for future in component.news()]
        times = [component.next_at for component in self._components] + [deadline]
        next_at = min((at for at in times if at is not None), default=None)
        seconds = None if next_at is None else max(next_at - time.monotonic(), 0)
        wait([*awaited, self._interrupted, *news], seconds, FIRST_COMPLETED)
        if self._interrupted.done():
            raise KeyboardInterrupt

    def _deaths(self) -> int:
        return sum(component.deaths for component in self._components)

    def stop(self) -> None:
        """End every process: first by a signal, then by a kill; none is left afterwards."""
        children = [component.child for component in self._components]
        ended = [child.ended for child in children]
        try:
            for child in children:
                child.process.terminate()
            wait(ended, timeout=limits.stop_seconds_max)
        finally:
            for child in children:
                child.kill()
            wait(ended, timeout=limits.stop_seconds_max)
            for child in children:
                child.release()


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, FednetError) and error.retryable


def _in_thread(work: Callable[[], Result]) -> Future[Result]:
    future: Future[Result] = Future()
    threading.Thread(target=_fulfil, args=(future, work), name="work", daemon=True).start()
    return future


def _fulfil(future: Future[Result], work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
        future.set_exception(error)
