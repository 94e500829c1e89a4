"""Server functions, run: each step a child process of its own, bounded, and gone when this one is."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fednet import limits
from fednet.aggregation import LabelledUpdates
from fednet.errors import InvalidModel, TaskFailed
from fednet.parameters import open_model
from fednet.processes import Group, Lifeline, Output, how_it_ended
from fednet.server_functions import ANSWER, MODEL, REQUEST, STATE, Step
from fednet.settings import environment_of_a_task
from fednet.wire import common_pb2, rounds_pb2

from .blobs import LocalBlobs
from .spool import Spool

_Array = np.ndarray[Any, Any]

_WHAT = "The process of the server functions"

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
    """What one step may take.

    Args:
        seconds_max: Of the clock, and of the processor.
        memory_bytes_max: Of memory; what it maps to read does not count.
    """

    seconds_max: float = limits.server_functions_seconds_max
    memory_bytes_max: int = limits.server_functions_memory_bytes_max


@dataclass(frozen=True)
class Made:
    """What a step gave; the arrays are views of files that are gone by name.

    Args:
        clients: The chosen; empty where none were to be.
        settings: For the clients.
        state: What the functions remember now, as bytes; None where that is nothing.
        model: The new model's arrays, not yet checked; empty where none was asked for.
    """

    clients: list[str]
    settings: dict[str, Any]
    state: _Array | None
    model: Sequence[_Array]

    def model_in(self, total: LabelledUpdates) -> Iterable[_Array]:
        """The new model as it goes into the network, in the dtypes of the global one.

        Raises:
            TaskFailed: It is no model of this session.
        """
        try:
            return total.in_dtypes(self.model)
        except InvalidModel as error:
            raise TaskFailed(f"aggregate returned no model of this session. {error}") from error


class Run(Protocol):
    """Runs one step of the functions that it was made for."""

    def __call__(self, base: common_pb2.BlobRef, state: common_pb2.BlobRef, **asked: Any) -> Made:
        """What the step gives; see `FunctionProcesses.run`."""


class FunctionProcesses:
    """Runs steps, as many at once as threads ask for it.

    Args:
        local: The blobs that steps are given.
        spool: Where their files lie while they run.
        bounds: What each may take.
    """

    def __init__(self, local: LocalBlobs, spool: Spool, bounds: Bounds) -> None:
        self._local = local
        self._spool = spool
        self._bounds = bounds
        self._lifeline = Lifeline()
        self._lock = threading.Lock()
        self._groups: set[Group] = set()
        self._is_cancelled = False

    def run(
        self,
        functions: rounds_pb2.ServerFunctions,
        tell: Callable[[str], None],
        base: common_pb2.BlobRef,
        state: common_pb2.BlobRef,
        **asked: Any,
    ) -> Made:
        """Run one step. Blocking.

        Args:
            functions: Whose step it is.
            tell: Is called with what the step printed, if it did, however it ended.
            base: The global model.
            state: What the functions remember; without an id, if they remember nothing.
            asked: What else the `Step` needs.

        Raises:
            TaskFailed: The functions failed, or what they gave cannot be taken.
            FednetError: The files that they need cannot be had.
        """
        for state_id in functions.obsolete_state_ids:
            self._local.discard_state(state_id)
        with contextlib.ExitStack() as held:
            step = Step(
                source=functions.source,
                seed=functions.about.phase_id,
                helper=functions.helper,
                base=str(held.enter_context(self._local.held(base))),
                state=str(held.enter_context(self._local.held(state))) if state.id else None,
                seconds_max=min(functions.seconds_max, self._bounds.seconds_max),
                memory_bytes_max=self._bounds.memory_bytes_max,
                **asked,
            )
            folder = held.enter_context(self._folder(step))
            self._follow(folder, step, tell)
            return _made(folder, step)

    def cancel(self) -> None:
        """End what runs, soon; what is begun from now on ends at once."""
        with self._lock:
            self._is_cancelled = True
            groups = list(self._groups)
        for group in groups:
            group.cancel()

    def close(self) -> None:
        """Give up what is held; nothing runs any more."""
        self._lifeline.close()

    @contextlib.contextmanager
    def _folder(self, step: Step) -> Iterator[Path]:
        folder = self._spool.scratch().absolute()
        folder.mkdir(mode=0o700)
        try:
            (folder / REQUEST).write_text(json.dumps(asdict(step)), encoding="utf-8")
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _follow(self, folder: Path, step: Step, tell: Callable[[str], None]) -> None:
        """Start the process, and follow it to its end."""
        process = _start(folder)
        with self._group() as group, process, closing(Output(process)) as output:
            try:
                if group.admit(process):
                    _begin(process, folder)
                in_time = output.follow(step.seconds_max, group.kill)
            finally:
                group.end(process)
            if output.text:
                tell(output.text)
            _check_end(process.returncode, folder, step, output.text, in_time=in_time)

    @contextlib.contextmanager
    def _group(self) -> Iterator[Group]:
        group = Group(self._lifeline)
        with self._lock:
            self._groups.add(group)
            if self._is_cancelled:
                group.cancel()
        try:
            yield group
        finally:
            with self._lock:
                self._groups.discard(group)


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "fednet.server_functions"],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**environment_of_a_task(), **_ENVIRONMENT},
        start_new_session=True,
    )


def _begin(process: subprocess.Popen[bytes], folder: Path) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(f"{folder}\n".encode())


def _check_end(exit_code: int, folder: Path, step: Step, printed: str, *, in_time: bool) -> None:
    """Raise TaskFailed for a process that did not end with an answer of its own."""
    if not in_time or exit_code == -signal.SIGXCPU:
        raise TaskFailed(
            f"The server functions took longer than {step.seconds_max:g} seconds and were stopped.",
            traceback=printed,
        )
    if exit_code != 0:
        raise TaskFailed(f"{_WHAT} {how_it_ended(exit_code)}.", traceback=printed)
    if not (folder / ANSWER).is_file():
        raise TaskFailed(f"{_WHAT} ended before it had answered.", traceback=printed)


def _made(folder: Path, step: Step) -> Made:
    """What a step has left in its folder, held against what it was asked."""
    answer = _answer_in(folder / ANSWER)
    if "problem" in answer:
        raise TaskFailed(
            str(answer["problem"])[: limits.text_characters_max],
            traceback=str(answer.get("traceback"))[-limits.traceback_characters_max :],
        )
    clients, settings = answer.get("clients", []), answer.get("settings", {})
    if not isinstance(clients, list) or not isinstance(settings, dict):
        raise TaskFailed(f"{_WHAT} has written over its answer.")
    known = set(step.clients)
    return Made(
        clients=[each for each in clients if isinstance(each, str) and each in known],
        settings=settings,
        state=_state_in(folder / STATE),
        model=_arrays_in(folder / MODEL),
    )


def _answer_in(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > limits.message_bytes_max:
            raise TaskFailed(f"{_WHAT} answered more than {limits.message_bytes_max} bytes.")
        answer = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise TaskFailed(f"{_WHAT} has written over its answer: {error}") from error
    return answer if isinstance(answer, dict) else {}


def _state_in(path: Path) -> _Array | None:
    arrays = _arrays_in(path, limits.server_functions_state_bytes_max)
    return arrays[0] if arrays else None


def _arrays_in(path: Path, bytes_max: int | None = None) -> list[_Array]:
    """The arrays that a step has written; none where there is no file."""
    if not path.is_file():
        return []
    try:
        with open_model(path, expected_bytes=bytes_max) as file:
            return file.arrays
    except InvalidModel as error:
        raise TaskFailed(f"{_WHAT} has left no whole file. {error.message}") from error
