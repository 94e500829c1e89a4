"""The part of a failure that leaves the site."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from typing import Final, Literal

from .tasks import Answer, Failure

_log = logging.getLogger(__name__)

Report = Literal["full", "summary", "none"]
_NAME: Final = r"([A-Za-z_][\w.]*(?:Error|Exception|Warning|Exit|Interrupt|Iteration))(?=:|\.?$)"
_LAST_LINE: Final = re.compile(f"^{_NAME}", re.MULTILINE)  # of a traceback
_IN_MESSAGE: Final = re.compile(f": {_NAME}")


def reported(answer: Answer, report: Report) -> Answer:
    """Return an answer as it may leave the site; write the rest of a failure into the agent's own log.

    That the site's owner must approve something first is no detail: the coordinator has to know it.

    Args:
        answer: The answer to a task.
        report: The site's setting: `full` keeps all, `summary` the kind of the error, `none` nothing of a failure.
    """
    failure = answer.outcome
    if report == "full" or not isinstance(failure, Failure) or failure.awaits_approval:
        return answer
    _log.warning("task %s failed: %s\n%s", answer.task_id, failure.message, failure.traceback)
    kind = f": {_kind_of(failure)}" if report == "summary" else ""
    text = f"The task failed{kind}. Its site keeps the details to itself."
    return replace(answer, outcome=Failure(text, ""))


def _kind_of(failure: Failure) -> str:
    """Return the name of the last exception in a failure, or words without any output of the code."""
    if found := _LAST_LINE.findall(failure.traceback):
        return str(found[-1])
    named = _IN_MESSAGE.search(failure.message)
    return named[1] if named else "the code ended with an error"
