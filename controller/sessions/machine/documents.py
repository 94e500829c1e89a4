"""The documents that a session leaves behind: one for each round, one for each model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ...digest_fields import digest_fields
from .orders import Projection
from .privacy import spent_privacy
from .scene import Scene
from .state import NOWHERE, BlobRef, Phase, Session, Share

_PARTS_OF_WORK = ("download", "train", "upload", "fold")


def iso(seconds: float) -> str:
    """Return a time in seconds since 1970 as documents have it; see `records.timestamp`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def model_document(session: Session, model: BlobRef, now: float) -> Projection:
    """Return the document of a model that the session has made from its present one."""
    return Projection(
        "models",
        model.id,
        {
            "parent_id": session.model.id,
            "session_id": session.session_id,
            "helper": session.helper,
            "committed_at": iso(now),
            **digest_fields(model.digest),
        },
    )


def record_pending_round(scene: Scene) -> None:
    """Write the document of a round whose attempt begins; it replaces that of an earlier attempt."""
    scene.round.is_recorded = True
    scene.write(Projection("rounds", scene.round.id, _facts(scene, "Pending")))


def ended_round(scene: Scene, status: str) -> Projection:
    """Return the document of a round whose attempt failed or was given up."""
    seconds = {"round": scene.now - scene.round.started_at}
    fields = _facts(scene, status) | {"ended_at": iso(scene.now), "seconds": seconds}
    return Projection("rounds", scene.round.id, fields)


def finished_round(scene: Scene, model: BlobRef) -> Projection:
    """Return the document of a round that has given a model."""
    current = scene.round
    planned_at = current.planned_at or current.started_at
    seconds = {
        "round": scene.now - current.started_at,
        "plan": planned_at - current.started_at,
        "validate": current.validated_seconds,
        "train": current.trained_at - planned_at - current.validated_seconds,
        "reduce": current.reduce_seconds,
    }
    fields = _facts(scene, "Finished")
    fields |= {"ended_at": iso(scene.now), "seconds": seconds, "model_id": model.id}
    return Projection("rounds", current.id, fields)


def _facts(scene: Scene, status: str) -> dict[str, Any]:
    current, phases = scene.round, _asked(scene)
    shares = _shares(phases)
    return {
        "session_id": scene.session.session_id,
        "number": current.number,
        "attempt": current.attempt,
        "status": status,
        "model_id": None,
        "clients": sum(len(share.clients) for share in shares.values()),
        "updates": sum(share.answers for share in shares.values()),
        "examples": sum(share.weight for share in shares.values()),
        "answer_seconds": _answer_seconds(scene, phases),
        "problems": current.problems,
        "started_at": iso(current.started_at),
        "ended_at": None,
        "seconds": {},
        "combiners": _combiners(shares),
        "merged": _merged(scene),
        "privacy": spent_privacy(scene.session),
    }


def _merged(scene: Scene) -> list[dict[str, Any]]:
    """Return the updates of an asynchronous round, each with the number of rounds that it is behind."""
    if not scene.session.staleness_max:
        return []
    current = scene.round
    return [
        {"phase_id": part.phase_id, "client_id": client, "staleness": current.number - part.number}
        for part in current.parts
        for share in part.shares.values()
        for client in share.clients
    ]


def _asked(scene: Scene) -> list[Phase]:
    """Return the phases whose updates are the round's: its own, or the flights of an asynchronous session."""
    session, current = scene.session, scene.round
    if current.parts:
        return current.parts
    in_flight = [flight.phase for flight in session.flights.values()]
    return [current.phase] if current.phase else in_flight


def _shares(phases: Sequence[Phase]) -> dict[str, Share]:
    """Return each combiner's part, summed up over the phases."""
    total: dict[str, Share] = {}
    for phase in phases:
        for combiner, share in phase.shares.items():
            sum_ = total.setdefault(combiner, Share([], closed=True))
            known = set(sum_.clients)
            sum_.clients += [each for each in share.clients if each not in known]
            sum_.answers += share.answers
            sum_.weight += share.weight
            sum_.failure = share.failure or sum_.failure
    return total


def _answer_seconds(scene: Scene, phases: Sequence[Phase]) -> dict[str, dict[str, float]]:
    """Return the longest time and the sum of each part of the work."""
    tallies = [scene.tally(phase) for phase in phases]
    return {
        part: {
            "max": max((tally.longest[part] for tally in tallies), default=0.0),
            "sum": sum(tally.total[part] for tally in tallies),
        }
        for part in _PARTS_OF_WORK
    }


def _combiners(shares: dict[str, Share]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "clients": len(share.clients),
            "updates": share.answers,
            "examples": share.weight,
            "failure": share.failure,
        }
        for name, share in shares.items()
        if name != NOWHERE
    ]
