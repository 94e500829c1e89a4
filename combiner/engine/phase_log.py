"""The combiner's log of phases: one line for the begin of each, for each task's end, and for its own end."""

from __future__ import annotations

import contextlib
import logging

from fednet.log_context import logged_as

from ..machine.assignment import Assignment
from ..machine.news import Happening, PhaseClosed, TaskUnanswered

_log = logging.getLogger(__name__)


def log_begin(assignment: Assignment, seconds_left: float) -> None:
    """Log that a phase begins, or begins again."""
    with logged_in(assignment):
        _log.info(
            "phase %s (%s, round %d of session %s) asks %d clients for %.0f s, attempt %d",
            assignment.phase_id,
            assignment.kind,
            assignment.round_number,
            assignment.session_id,
            len(assignment.clients),
            seconds_left,
            assignment.attempt,
        )


def log_happening(assignment: Assignment, happening: Happening, client: str, task: str) -> None:
    """Log the end of a task or of the phase."""
    with logged_in(assignment, client, task):
        _log_happening(assignment, happening, client, task)


def logged_in(
    assignment: Assignment, client: str = "", task: str = ""
) -> contextlib.AbstractContextManager[None]:
    """Let lines of the log say, while the block lasts, that they belong to a phase, and to a task of it."""
    return logged_as(
        session=assignment.session_id,
        round_number=assignment.round_number,
        task=task,
        client=client,
    )


def _log_happening(assignment: Assignment, happening: Happening, client: str, task: str) -> None:
    match happening:
        case PhaseClosed(answers, _, failure):
            _log.info(
                "phase %s (round %d of session %s) is closed with %d answers%s",
                assignment.phase_id,
                assignment.round_number,
                assignment.session_id,
                answers,
                f": {failure}" if failure else "",
            )
        case TaskUnanswered(why, message):
            _log.info("task %s of client %s is %s: %s", task, client, why, message)
        case _ if task:
            _log.info("task %s (%s) of client %s is answered", task, assignment.kind, client)
