"""A session's orders as combiners are given them, and what their answers mean for it. Pure translation."""

from __future__ import annotations

import json
from typing import Any

from fednet.aggregation import aggregator
from fednet.errors import FednetError
from fednet.wire import common_pb2, rounds_pb2

from .events import (
    Action,
    Event,
    PhaseBegun,
    PhaseRefused,
    Reduce,
    Reduced,
    ReduceRefused,
    StartPhase,
    Unheard,
)
from .kinds import AnySession
from .state import BlobRef, Phase, Session, Share


def phase_request(session: AnySession, order: StartPhase) -> rounds_pb2.Phase:
    """A combiner's share of a phase."""
    phase, package = order.phase, session.package
    request = rounds_pb2.Phase(
        phase_id=phase.phase_id,
        session_id=session.session_id,
        round_id=order.round_id,
        round_number=phase.number,
        kind=phase.kind,
        model=_wire_ref(common_pb2.BlobRef.MODEL, phase.model),
        package=_wire_ref(common_pb2.BlobRef.PACKAGE, package) if package else None,
        helper=session.helper,
        settings_json=json.dumps(_client_settings(session, phase)),
        clients=phase.shares[order.combiner].clients,
        seconds_max=session.round_timeout,
    )
    if isinstance(session, Session):
        request.aggregator = session.aggregator
        request.aggregator_settings_json = json.dumps(session.aggregator_kwargs)
        request.share_partial = len(phase.shares) > 1 or session.is_asynchronous
        request.retain_updates = phase.kind == "TRAIN" and not session.delete_models
    return request


def _client_settings(session: AnySession, phase: Phase) -> dict[str, Any]:
    """What clients are told with a task."""
    if not isinstance(session, Session):
        return {"session_id": session.session_id}
    return {
        "session_id": session.session_id,
        "round": phase.number,
        "rounds": session.rounds,
        **aggregator(session.aggregator, session.aggregator_kwargs).client_settings,
    }


def reduction(session: Session, order: Reduce) -> rounds_pb2.Reduction:
    """The partials that make the round's model."""
    current, state = order.round, session.aggregator_state
    partials = [
        _partial(phase, combiner, share, current.number - phase.number)
        for phase in current.parts
        for combiner, share in phase.shares.items()
        if share.answers
    ]
    return rounds_pb2.Reduction(
        model_id=current.model_id,
        base=_wire_ref(common_pb2.BlobRef.MODEL, current.phase.model),
        aggregator=session.aggregator,
        aggregator_settings_json=json.dumps(session.aggregator_kwargs),
        partials=partials,
        state=_wire_ref(common_pb2.BlobRef.STATE, state) if state else None,
        obsolete_state_id=session.obsolete_state_id,
        helper=session.helper,
    )


def _partial(phase: Phase, combiner: str, share: Share, staleness: int) -> rounds_pb2.Partial:
    return rounds_pb2.Partial(
        phase_id=phase.phase_id,
        combiner=combiner,
        updates=share.answers,
        weight=share.weight,
        base=_wire_ref(common_pb2.BlobRef.MODEL, phase.model) if staleness else None,
        staleness=staleness,
    )


def outcome(order: Action, answer: Any) -> Event | None:
    """What an answer to an order means for its session; None if nothing.

    Args:
        order: What a combiner was asked.
        answer: The message that it answered, or the FednetError that the call ended with.
    """
    if isinstance(answer, FednetError):
        return Unheard(order) if answer.retryable else _refused(order, answer.message)
    match order:
        case Reduce():
            state = _ref(answer.state) if answer.HasField("state") else None
            return Reduced(_ref(answer.model), answer.seconds, state)
        case StartPhase(combiner, phase):
            return PhaseBegun(combiner, phase.phase_id)
        case _:
            return None


def _refused(order: Action, message: str) -> Event | None:
    match order:
        case StartPhase(combiner, phase):
            return PhaseRefused(combiner, phase.phase_id, f"{combiner}: {message}")
        case Reduce(_, current):
            return ReduceRefused(current.model_id, message)
        case _:
            return None


def _ref(ref: common_pb2.BlobRef) -> BlobRef:
    return BlobRef(ref.id, ref.size_bytes, ref.sha256)


def _wire_ref(kind: common_pb2.BlobRef.Kind, ref: BlobRef) -> common_pb2.BlobRef:
    return common_pb2.BlobRef(kind=kind, id=ref.id, size_bytes=ref.size_bytes, sha256=ref.sha256)
