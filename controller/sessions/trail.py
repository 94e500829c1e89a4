"""The documents that a session leaves behind: one for each round, one for each model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .events import Record, Reduced
from .state import BlobRef, Phase, Round, Session


def iso(seconds: float) -> str:
    """A time in seconds since 1970 as documents have it; see `records.timestamp`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def model_record(session: Session, model: BlobRef, now: float) -> Record:
    """The document of a model that the session has made from its present one."""
    return Record(
        "models",
        model.id,
        {
            "key": "models",
            "model": model.id,
            "parent_model": session.model.id,
            "session_id": session.session_id,
            "helper": session.helper,
            "committed_at": iso(now),
            "size_bytes": model.size_bytes,
            "sha256": model.sha256,
        },
    )


def pending_round(session: Session, current: Round) -> Record:
    """The document of a round that begins; what an earlier attempt left in it is taken back."""
    return Record("rounds", current.id, _facts(session, current, "Pending"))


def ended_round(session: Session, current: Round, status: str, now: float) -> Record:
    """The document of a round that came to nothing."""
    seconds = {"round": now - current.started_at}
    fields = _facts(session, current, status) | {"ended_at": iso(now), "seconds": seconds}
    return Record("rounds", current.id, fields)


def finished_round(session: Session, current: Round, reduced: Reduced, now: float) -> Record:
    """The document of a round that has given a model."""
    seconds = {
        "round": now - current.started_at,
        "train": current.trained_at - current.started_at,
        "reduce": reduced.seconds,
    }
    fields = _facts(session, current, "Finished")
    fields |= {"ended_at": iso(now), "seconds": seconds, "model_id": reduced.model.id}
    return Record("rounds", current.id, fields)


def _facts(session: Session, current: Round, status: str) -> dict[str, Any]:
    phase = current.phase
    return {
        "session_id": session.session_id,
        "number": current.number,
        "attempt": current.attempt,
        "status": status,
        "model_id": None,
        "clients": phase.clients,
        "updates": phase.answers,
        "examples": sum(share.weight for share in phase.shares.values()),
        "answers": current.answers,
        "problems": current.problems,
        "started_at": iso(current.started_at),
        "ended_at": None,
        "seconds": {},
        "combiners": _combiners(phase),
    }


def _combiners(phase: Phase) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "clients": len(share.clients),
            "updates": share.answers,
            "examples": share.weight,
            "failure": share.failure,
        }
        for name, share in phase.shares.items()
    ]
