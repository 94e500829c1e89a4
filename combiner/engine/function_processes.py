"""Runs of server functions: each is a bounded child process in a sandbox, and ends with this one."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from fednet import limits
from fednet.processes import Group, GroupLimits, Output, Supervised
from fednet.sandbox import Box, Sandbox, SandboxKind, SharedFolder
from fednet.server_functions import REQUEST, Run

from ..machine.orders import FunctionsOrder
from ..machine.values import Blob
from .blobs import LocalBlobs
from .function_results import Made, check_end, made_in
from .spool import Spool

# One thread in every library, so that the same sums come out in the same order; and the same order of sets.
_ENVIRONMENT = {
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True)
class Bounds:
    """Bounds of one run.

    Args:
        seconds_max: The time that it may take, by the clock and of the processor.
        memory_bytes_max: The memory that it may take with all its processes; files mapped for reading do not count.
        allowed: True if it may run here at all.
        sandbox: The sandbox that it runs in.
        hidden: Folders with secrets, which no sandbox shows.
    """

    seconds_max: float = limits.server_functions_seconds_max
    memory_bytes_max: int = limits.server_functions_memory_bytes_max
    allowed: bool = True
    sandbox: SandboxKind = "process"
    hidden: tuple[Path, ...] = ()

    @property
    def of_group(self) -> GroupLimits:
        """The limits of the process of a run with all its descendants."""
        return GroupLimits(
            memory_bytes=self.memory_bytes_max,
            processes=limits.task_processes_max,
            disk_bytes=limits.task_disk_bytes_max,
            files=limits.task_files_max,
            descriptors=limits.task_descriptors_max,
        )


class RunFunctions(Protocol):
    """A run of the functions that it was made for."""

    def __call__(self, base: Blob, state: Blob | None, **asked: Any) -> Made:
        """Run the functions once and return their results; see `FunctionProcesses.run`."""


class FunctionProcesses:
    """The child processes of server functions: as many at once as threads ask for.

    Args:
        local: The blobs that runs are given.
        spool: Has the files of a run while it lasts.
        bounds: The bounds of each run.
    """

    def __init__(self, local: LocalBlobs, spool: Spool, bounds: Bounds) -> None:
        self._local = local
        self._spool = spool
        self.bounds = bounds
        self._sandbox = Sandbox(bounds.sandbox, bounds.of_group, hidden=bounds.hidden)
        self._lock = threading.Lock()
        self._groups: set[Group] = set()
        self._is_cancelled = False

    def run(
        self,
        functions: FunctionsOrder,
        tell: Callable[[str], None],
        base: Blob,
        state: Blob | None,
        **asked: Any,
    ) -> Made:
        """Run server functions once. Blocking.

        Args:
            functions: The functions.
            tell: Called with the output of the run, if there is any, however it ended.
            base: The global model.
            state: The functions' memory, if there is one.
            asked: Further fields of the `Run`.

        Raises:
            TaskFailed: The functions failed, or their results cannot be taken.
            FednetError: The files that they need cannot be had.
        """
        for state_id in functions.obsolete_state_ids:
            self._local.discard_state(state_id)
        with contextlib.ExitStack() as held:
            run = Run(
                source=functions.source,
                seed=functions.about.phase_id,
                helper=functions.helper,
                base=str(held.enter_context(self._local.held(base))),
                state=str(held.enter_context(self._local.held(state))) if state else None,
                seconds_max=min(functions.seconds_max, self.bounds.seconds_max),
                memory_bytes_max=self.bounds.memory_bytes_max,
                **asked,
            )
            shared = held.enter_context(self._folder(run))
            self._follow(shared, run, tell)
            return made_in(shared, run, self._spool)

    def cancel(self) -> None:
        """End the present runs soon; later ones end at once."""
        with self._lock:
            self._is_cancelled = True
            groups = list(self._groups)
        for group in groups:
            group.cancel()

    @contextlib.contextmanager
    def _folder(self, run: Run) -> Iterator[SharedFolder]:
        folder = self._spool.scratch().absolute()
        folder.mkdir(mode=0o700)
        try:
            with SharedFolder(folder) as shared:
                shared.write(REQUEST, json.dumps(asdict(run)))
                yield shared
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _follow(self, shared: SharedFolder, run: Run, tell: Callable[[str], None]) -> None:
        """Start the process, and follow it to its end."""
        running = self._start(shared.path, run)
        with self._group() as group, running.process, closing(Output(running.process)) as output:
            try:
                group.admit(running)
                in_time = output.follow(run.seconds_max, group.kill)
            finally:
                group.end(running)
            if output.text:
                tell(output.text)
            check_end(running, self._sandbox.bounds, shared, run, output.text, in_time=in_time)

    def _start(self, folder: Path, run: Run) -> Supervised:
        given = (run.base, run.state or "", run.updates)
        box = Box((folder,), folder, tuple(Path(each) for each in given if each))
        command = [sys.executable, "-P", "-m", "fednet.server_functions", str(folder)]
        variables = {**self._sandbox.environment(box), **_ENVIRONMENT}
        return self._sandbox.start(command, box, folder, variables)

    @contextlib.contextmanager
    def _group(self) -> Iterator[Group]:
        group = Group()
        with self._lock:
            self._groups.add(group)
            if self._is_cancelled:
                group.cancel()
        try:
            yield group
        finally:
            with self._lock:
                self._groups.discard(group)
