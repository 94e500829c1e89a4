"""The blobs that a session's orders let a combiner write and delete. Pure."""

from __future__ import annotations

from fednet.digests import Digest
from fednet.server_functions import state_id_of

from .scene import abandoned_models
from .state import Round, Session


def may_put(session: Session, combiner: str, key: str, digest: Digest) -> bool:
    """Return True if a combiner has an order of the session by which it makes this blob.

    Args:
        session: A session that has not ended.
        combiner: The combiner's name.
        key: The key of the blob.
        digest: The digest of the blob.
    """
    folder, _, name = key.partition("/")
    if folder == "partials":
        phase_id, _, owner = name.partition("/")
        return owner == combiner and _has_share(session, combiner, phase_id)
    current = session.round
    if current is None or current.model is not None:
        return False
    if folder == "models":
        return _merges(current, combiner) and name == current.model_id
    if folder == "states":
        is_merged = _merges(current, combiner) and name == current.model_id
        is_planned = current.planner == combiner and name == state_id_of(current.model_id, digest)
        return is_merged or is_planned
    return False


def may_delete(session: Session, combiner: str, key: str) -> bool:
    """Return True if a combiner has an order of the session by which it deletes this blob."""
    folder, _, name = key.partition("/")
    current = session.round
    if current is None:
        return False
    abandoned = abandoned_models(session, current) if _merges(current, combiner) else []
    if folder == "models":
        return name in abandoned
    if folder == "states":
        return name in {*abandoned, *_obsolete_states(session, current, combiner)}
    return False


def _has_share(session: Session, combiner: str, phase_id: str) -> bool:
    phases = (phase for phase in session.phases() if phase.phase_id == phase_id)
    return any(combiner in phase.shares for phase in phases)


def _merges(current: Round, combiner: str) -> bool:
    return current.step == "reduce" and current.reducer == combiner


def _obsolete_states(session: Session, current: Round, combiner: str) -> list[str]:
    if combiner not in {current.planner, current.reducer}:
        return []
    functions = session.functions
    return [session.obsolete_state_id, *(functions.obsolete if functions else [])]
