"""What is said of a run that failed: in the user's words, with the user's lines."""

from __future__ import annotations

import traceback
from typing import Any, Final

from fednet import limits
from fednet.errors import FednetError
from fednet.server_functions._run import Run

FILE: Final = "server_functions.py"
"""What tracebacks call the source."""


def problem_of(error: BaseException, run: Run) -> dict[str, Any]:
    """The answer of a run that failed; what we found wrong ourselves needs no traceback."""
    if isinstance(error, FednetError):
        return {"problem": error.message, "traceback": ""}
    reason = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, MemoryError):
        reason = (
            f"they may use {run.memory_bytes_max} bytes of memory "
            f"(--server-functions-memory-bytes-max of the combiner), and needed more; {reason}"
        )
    error.__traceback__ = _from_the_source_on(error)
    text = "".join(traceback.format_exception(error))
    return {
        "problem": f"The server functions failed: {reason}"[: limits.text_characters_max],
        "traceback": text[-limits.traceback_characters_max :],
    }


def _from_the_source_on(error: BaseException) -> Any:
    """The traceback without the lines of ours that lead to the user's; all of it where there are none."""
    frame = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != FILE:
        frame = frame.tb_next
    return frame or error.__traceback__
