"""The combiner's log of phases: one line for the begin of each, for each task's end, and for its own end."""

from __future__ import annotations

import logging

from ..machine.assignment import Assignment
from ..machine.news import Happening, PhaseClosed, TaskUnanswered

_log = logging.getLogger(__name__)


def log_begin(assignment: Assignment, seconds_left: float) -> None:
    """Log that a phase begins, or begins again."""
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
