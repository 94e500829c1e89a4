"""The progress of a session, as people see it. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .network import Network
from .plans import SessionPlan
from .state import Session
from .tally import Tally


def round_number(session: Session, plan: SessionPlan) -> int:
    """Return the number of the round under way, or of the last one; 0 if people see no rounds."""
    current = session.round
    number = current.number if current and _has_asked(session, plan) else session.number
    return number if plan.has_rounds else 0


def progress(
    session: Session, plan: SessionPlan, tallies: Mapping[str, Tally], network: Network
) -> dict[str, Any]:
    """Return the present round's progress: its phase, its answers, the number of asked clients, awaited approvals."""
    phases = _counted_phases(session, plan)
    return {
        "phase": _shown(session, plan),
        "answers": sum(len(tallies[id_].answered) for id_ in phases & tallies.keys()),
        "clients": sum(each.clients for each in session.phases() if each.phase_id in phases),
        "awaiting_approval": {} if session.status.is_final else network.awaited(session.asks),
    }


def _has_asked(session: Session, plan: SessionPlan) -> bool:
    """Return True if the round under way is beyond its first step, in which nobody is asked."""
    current = session.round
    return current is not None and current.step not in {"", plan.steps[0].name}


def _shown(session: Session, plan: SessionPlan) -> str:
    if session.status.is_final:
        return "ended"
    if session.is_draining:
        return "draining"
    current = session.round
    return plan.step(current.step).shown if current and current.step else "waiting"


def _counted_phases(session: Session, plan: SessionPlan) -> set[str]:
    """Return the ids of the phases whose answers count as the round's progress."""
    if not _has_asked(session, plan):
        return set()
    return {phase.phase_id for phase in session.phases()} - session.validations.keys()
