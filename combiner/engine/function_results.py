"""Results of a run of server functions, read from its folder and checked against the request."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fednet import limits
from fednet.aggregation import LabelledUpdates
from fednet.errors import InvalidModel, TaskFailed
from fednet.json_values import strictly_parsed
from fednet.parameters import open_model
from fednet.processes import GroupLimits, Supervised, how_it_ended, used_beyond
from fednet.rpc import sendable
from fednet.sandbox import SharedFolder
from fednet.server_functions import ANSWER, MODEL, STATE, Run

from .spool import Spool

_Array = np.ndarray[Any, Any]

_WHAT = "The process of the server functions"


@dataclass(frozen=True)
class Made:
    """Results of a run; the arrays are views of files that are gone by name.

    Args:
        clients: The chosen; empty where none were to be.
        settings: For the clients.
        state: The arrays of the functions' new memory; empty if there is none.
        model: The new model's arrays, not yet checked; empty where none was asked for.
    """

    clients: list[str]
    settings: dict[str, Any]
    state: Sequence[_Array]
    model: Sequence[_Array]

    def model_in(self, total: LabelledUpdates) -> Iterable[_Array]:
        """Return the new model in the dtypes of the global one.

        Raises:
            TaskFailed: It is no model of this session.
        """
        try:
            return total.in_dtypes(self.model)
        except InvalidModel as error:
            raise TaskFailed(f"aggregate returned no model of this session. {error}") from error


def check_end(
    ended: Supervised,
    bounds: GroupLimits,
    shared: SharedFolder,
    run: Run,
    printed: str,
    *,
    in_time: bool,
) -> None:
    """Check how the process of a run has ended.

    Raises:
        TaskFailed: It has not ended by itself with an answer.
    """
    if not in_time or ended.code == -signal.SIGXCPU:
        raise TaskFailed(
            f"The server functions took longer than {run.seconds_max:g} seconds and were stopped.",
            traceback=printed,
        )
    if ended.exceeded == "memory_bytes":
        raise TaskFailed(
            f"The server functions with all their processes need more than {run.memory_bytes_max} bytes of memory "
            "(the combiner's --server-functions-memory-bytes-max) and were stopped.",
            traceback=printed,
        )
    if ended.exceeded:
        raise TaskFailed(
            f"The server functions {used_beyond(ended.exceeded, bounds)} and were stopped.",
            traceback=printed,
        )
    if ended.code != 0 or not _has_answer(shared):
        raise TaskFailed(f"{_WHAT} {how_it_ended(ended.code, printed)}.", traceback=printed)


def made_in(shared: SharedFolder, run: Run, spool: Spool) -> Made:
    """Read the results of a run from its folder.

    Args:
        shared: The folder.
        run: The request.
        spool: Has the files of the arrays, which have no names there.

    Raises:
        TaskFailed: It says itself that it has failed, or its results cannot be taken.
    """
    answer = _answer_in(shared)
    if "problem" in answer:
        raise TaskFailed(
            sendable(str(answer["problem"]))[: limits.text_characters_max],
            traceback=sendable(str(answer.get("traceback")))[-limits.traceback_characters_max :],
        )
    clients, settings = answer.get("clients", []), answer.get("settings", {})
    if not isinstance(clients, list) or not isinstance(settings, dict):
        raise TaskFailed(f"{_WHAT} has written over its answer.")
    known = set(run.clients)
    return Made(
        clients=[each for each in clients if isinstance(each, str) and each in known],
        settings=settings,
        state=_arrays_in(shared, STATE, spool, limits.server_functions_state_bytes_max),
        model=_arrays_in(shared, MODEL, spool),
    )


def _has_answer(shared: SharedFolder) -> bool:
    try:
        shared.open(ANSWER).close()
    except FileNotFoundError:
        return False
    return True


def _answer_in(shared: SharedFolder) -> dict[str, Any]:
    try:
        with shared.open(ANSWER) as file:
            content = file.read(limits.message_bytes_max + 1)
        if len(content) > limits.message_bytes_max:
            raise TaskFailed(f"{_WHAT} answered more than {limits.message_bytes_max} bytes.")
        answer = strictly_parsed(content)
    except (OSError, ValueError) as error:
        raise TaskFailed(f"{_WHAT} has written over its answer: {error}") from error
    return answer if isinstance(answer, dict) else {}


def _arrays_in(
    shared: SharedFolder, name: str, spool: Spool, bytes_max: int | None = None
) -> list[_Array]:
    """Return the arrays that a run has written; none without a file."""
    with spool.scratch_file() as taken:
        try:
            shared.take(name, taken)
            with open_model(taken, expected_bytes=bytes_max) as file:
                return file.arrays
        except FileNotFoundError:
            return []
        except InvalidModel as error:
            raise TaskFailed(f"{_WHAT} has left no whole file. {error.message}") from error
