"""The documents that a session leaves behind: one for each round, one for each model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .events import Record, Reduced
from .state import BlobRef, Phase, Round, Session

_STEPS = ("download", "train", "upload", "fold")  # of one answer; see `news`


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
    """The document of a round that has given a model; `timed` adds how long the commit took."""
    planned_at = current.planned_at or current.started_at
    seconds = {
        "round": now - current.started_at,
        "plan": planned_at - current.started_at,
        "train": current.trained_at - planned_at,
        "reduce": reduced.seconds,
    }
    fields = _facts(session, current, "Finished")
    fields |= {"ended_at": iso(now), "seconds": seconds, "model_id": reduced.model.id}
    return Record("rounds", current.id, fields)


def timed(records: Sequence[Record], seconds: float) -> list[Record]:
    """What finished rounds are to say besides, once all of this has been stored.

    Args:
        records: What was stored.
        seconds: How long that took.
    """
    finished = [each for each in records if each.fields.get("status") == "Finished"]
    return [
        Record("rounds", each.id, {"seconds": _with_commit(each, seconds)}) for each in finished
    ]


def _with_commit(stored: Record, seconds: float) -> dict[str, float]:
    told = stored.fields["seconds"]
    return {**told, "commit": seconds, "round": told["round"] + seconds}


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
        "answer_seconds": _answer_seconds(current.answers),
        "problems": current.problems,
        "started_at": iso(current.started_at),
        "ended_at": None,
        "seconds": {},
        "combiners": _combiners(phase),
    }


def _answer_seconds(answers: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Where the time of the answers went: of each step the longest, and the sum."""
    found = {step: [each.get(f"{step}_seconds", 0.0) for each in answers] for step in _STEPS}
    return {step: {"max": max(all_, default=0.0), "sum": sum(all_)} for step, all_ in found.items()}


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
