"""The runtime of the next task: the client's own one, or one for the package of the task."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from fednet.blob_ref import BlobRef
from fednet.digests import Digest
from fednet.errors import TaskFailed
from fednet.files import remove_tree
from fednet.packages import UnpackedPackage
from fednet.sandbox import Sandbox
from fednet.settings import ClientSettings

from .files import Files
from .preparation import Preparation
from .runtime import Runtime, package_runtime
from .tasks import Task


class Runtimes:
    """The runtimes of one client; one exists at a time.

    Args:
        settings: The client's settings.
        sandbox: Starts the commands of packages.
        files: The packages.
        work: The folder in which a package works.
        given: The runtime of a client that brings its own code; None for package mode.
        report: Writes a line into the network's log.
        tell_preparing: Called with each step of a preparation, and with "" at its end.
    """

    def __init__(
        self,
        settings: ClientSettings,
        sandbox: Sandbox,
        files: Files,
        work: Path,
        given: Runtime | None,
        report: Callable[[str], None],
        tell_preparing: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._sandbox = sandbox
        self._files = files
        self._work = work
        self._report = report
        self._tell_preparing = tell_preparing
        self._runtime = given
        self._is_given = given is not None
        self._made_for: _Made | None = None
        self._preparation: Preparation | None = None
        self._lock = threading.Lock()
        self._running: str | None = None
        self._has_begun = False
        self._is_dismissed = False

    def for_task(self, task: Task) -> Runtime:
        """Return the runtime for the running task; from here on, `cancel` reaches it.

        Whoever cancels notes it elsewhere before, and the caller looks there after this call: so no cancel is lost.

        Raises:
            TaskFailed: The client needs a package, but the session has none.
            InvalidPackage: The package is invalid.
        """
        runtime = self._runtime_for(task.package)
        runtime.begin_task()
        if self._preparation:
            self._preparation.begin_task()
        with self._lock:
            self._has_begun = True
        return runtime

    def _runtime_for(self, package: BlobRef | None) -> Runtime:
        runtime = self._runtime
        if runtime and (
            self._is_given or (self._is_made_for(package) and self._is_prepared(runtime))
        ):
            return runtime
        if package is None:
            raise TaskFailed(
                "The session has no compute package, but this client needs one. Upload a package, and "
                "start a new session."
            )
        self.close()
        runtime = self._make(package)
        with self._lock:
            self._runtime = runtime
            self._preparation = Preparation(runtime, self._tell_preparing)
        return runtime

    def await_ready(self) -> None:
        """Wait until the package of the running task is prepared; drop the code that earlier tasks have added to it.

        Raises:
            FednetError: The preparation failed.
            TaskFailed: The task was cancelled; the preparation goes on.
        """
        if self._preparation and self._made_for:
            self._preparation.await_end()
            self._made_for.unpacked.drop_code_of_tasks()

    def _is_made_for(self, package: BlobRef | None) -> bool:
        """Return True if the runtime is that of a package whose files are still there, unchanged."""
        made = self._made_for
        return bool(made and package and made.digest == package.digest and made.is_in_place)

    def _is_prepared(self, runtime: Runtime) -> bool:
        """Return True if a package's runtime is ready, or will be; else the next one begins with fresh files."""
        return runtime.is_ready or bool(self._preparation and self._preparation.is_running)

    def _make(self, package: BlobRef) -> Runtime:
        unpacked, manifest = self._files.package(package)
        folder = unpacked.folder
        remove_tree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True, exist_ok=True)
        self._made_for = _Made(package.digest, unpacked, folder.stat().st_ino)
        return package_runtime(
            folder,
            manifest,
            self._work,
            self._settings.task_seconds_max,
            # Shared by all clients with this data folder; no client's name begins with a dot.
            environments=self._settings.data_dir / ".environments",
            report=self._report_step,
            sandbox=self._sandbox,
            is_unchanged=unpacked.is_as_unpacked,
        )

    def _report_step(self, text: str) -> None:
        """Tell a step of a preparation; the site may keep the output below it to itself."""
        step = text.partition("\n")[0]
        self._report(text if self._settings.report == "full" else step)
        if self._preparation:
            self._preparation.step(step)

    @contextlib.contextmanager
    def running(self, task_id: str) -> Iterator[None]:
        """Let `cancel` end the task while the block lasts, once it has its runtime."""
        with self._lock:
            self._running, self._has_begun = task_id, False
        try:
            yield
        finally:
            with self._lock:
                self._running, is_dismissed = None, self._is_dismissed
            if is_dismissed:
                self.close()

    @property
    def task_id(self) -> str:
        """The id of the running task, or ""."""
        with self._lock:
            return self._running or ""

    def cancel(self, task_id: str | None = None) -> None:
        """Cancel the running task; with an id, only that task."""
        with self._lock:
            is_meant = self._has_begun and task_id in {None, self._running}
            if self._runtime and self._running and is_meant:
                self._runtime.cancel()
                if self._preparation:
                    self._preparation.leave()

    def dismiss(self, task: Task) -> None:
        """Cancel a task, and end the processes of its package, from any thread.

        Another task that runs by now goes on, and so does another package. A later task of this package begins anew.
        """
        closing: _Closing = None, None
        with self._lock:
            if self._has_package_of(task) and self._running is None:
                closing = self._taken()
            elif self._has_package_of(task):
                self._is_dismissed = True
        _close(closing)
        self.cancel(task.id)

    def close(self) -> None:
        """End the running task, and close a package's runtime."""
        with self._lock:
            closing = self._taken()
        _close(closing)

    def _has_package_of(self, task: Task) -> bool:
        """Return True if there is a runtime for the package of a task. The caller holds the lock."""
        made = None if self._is_given else self._made_for
        return bool(made and task.package and made.digest == task.package.digest)

    def _taken(self) -> _Closing:
        """Take away the runtime and its preparation. The caller holds the lock."""
        self._is_dismissed = False
        closing, self._runtime, self._preparation = (self._runtime, self._preparation), None, None
        return closing


_Closing: TypeAlias = tuple[Runtime | None, Preparation | None]


def _close(closing: _Closing) -> None:
    runtime, preparation = closing
    if runtime:
        runtime.close()
    if preparation:
        preparation.close()


@dataclass(frozen=True)
class _Made:
    """The package of a runtime, and its folder on the disk."""

    digest: Digest
    unpacked: UnpackedPackage
    inode: int

    @property
    def is_in_place(self) -> bool:
        """True unless somebody has replaced the folder, or changed or deleted a file of the package."""
        try:
            is_same = self.unpacked.folder.stat().st_ino == self.inode
        except OSError:
            return False
        return is_same and self.unpacked.has_all_members()
