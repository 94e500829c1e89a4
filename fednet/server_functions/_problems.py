"""The description of a failed run, with the lines of the user's source."""

from __future__ import annotations

import traceback
from typing import Any, Final

from fednet import limits
from fednet.errors import FednetError
from fednet.server_functions._run import Run

FILE: Final = "server_functions.py"
"""The name of the source in tracebacks."""


def problem_of(error: BaseException, run: Run) -> dict[str, Any]:
    """Return the answer of a failed run; an error of ours has no traceback."""
    if isinstance(error, FednetError):
        return {"problem": error.message, "traceback": ""}
    reason = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, MemoryError):
        reason = (
            f"they need more than {run.memory_bytes_max} bytes of memory "
            f"(the combiner's --server-functions-memory-bytes-max); {reason}"
        )
    error.__traceback__ = _from_the_source_on(error)
    text = "".join(traceback.format_exception(error))
    return {
        "problem": f"The server functions failed: {reason}"[: limits.text_characters_max],
        "traceback": text[-limits.traceback_characters_max :],
    }


def _from_the_source_on(error: BaseException) -> Any:
    """Return the traceback from the user's first line on; all of it if the user has no line in it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != FILE:
        frame = frame.tb_next
    return frame or error.__traceback__
