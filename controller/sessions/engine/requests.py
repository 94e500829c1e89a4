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
    Plan,
    Planned,
    PlanRefused,
    Reduce,
    Reduced,
    ReduceRefused,
    StartPhase,
    Unheard,
)
from .state import AnySession, BlobRef, Phase, Round, Session, Share


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
        request.share_partial = session.is_shared(phase)
        request.retain_updates = phase.kind == "TRAIN" and not session.delete_models
        request.keep_updates = session.functions is not None and session.functions.aggregates
    return request


def _client_settings(session: AnySession, phase: Phase) -> dict[str, Any]:
    """What clients are told with a task."""
    if not isinstance(session, Session):
        return {"session_id": session.session_id}
    return {
        **aggregator(session.aggregator, session.aggregator_kwargs).client_settings,
        **phase.settings,
        "session_id": session.session_id,
        "round": phase.number,
        "rounds": session.rounds,
    }


def plan_request(session: Session, order: Plan) -> rounds_pb2.PlanRequest:
    """What server functions need to choose clients and settings."""
    state = order.round.functions_state
    return rounds_pb2.PlanRequest(
        functions=_functions(session, order.round),
        model=_wire_ref(common_pb2.BlobRef.MODEL, order.round.phase.model),
        state=_wire_ref(common_pb2.BlobRef.STATE, state) if state else None,
        clients=order.clients,
    )


def _functions(session: Session, current: Round) -> rounds_pb2.ServerFunctions:
    functions = session.functions
    assert functions is not None, "only a session with functions asks for them"
    about = rounds_pb2.PhaseContext(
        phase_id=current.phase.phase_id,
        session_id=session.session_id,
        round_id=current.id,
        round_number=current.number,
        model_id=current.phase.model.id,
        kind=current.phase.kind,
    )
    return rounds_pb2.ServerFunctions(
        about=about,
        source=functions.source,
        seconds_max=session.round_timeout,
        obsolete_state_ids=functions.obsolete,
        helper=session.helper,
    )


def reduction(session: Session, order: Reduce) -> rounds_pb2.Reduction:
    """The partials that make the round's model."""
    current = order.round
    aggregates = session.functions is not None and session.functions.aggregates
    state = current.functions_state if aggregates else session.aggregator_state
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
        functions=_functions(session, current) if aggregates else None,
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
        case Plan() | Reduce() if answer.HasField("failure"):
            return _refused(order, f"{answer.failure.message}\n{answer.failure.traceback}".strip())
        case Plan(_, current):
            settings = json.loads(answer.settings_json)
            clients, state = list(answer.clients), _state_of(answer)
            return Planned(current.phase.phase_id, clients, settings, state)
        case Reduce():
            return Reduced(_ref(answer.model), answer.seconds, _state_of(answer))
        case StartPhase(combiner, phase):
            return PhaseBegun(combiner, phase.phase_id)
        case _:
            return None


def _refused(order: Action, message: str) -> Event | None:
    match order:
        case StartPhase(combiner, phase):
            return PhaseRefused(combiner, phase.phase_id, f"{combiner}: {message}")
        case Plan(_, current):
            return PlanRefused(current.phase.phase_id, message)
        case Reduce(_, current):
            return ReduceRefused(current.model_id, message)
        case _:
            return None


def _state_of(answer: rounds_pb2.Planned | rounds_pb2.Reduced) -> BlobRef | None:
    return _ref(answer.state) if answer.HasField("state") else None


def _ref(ref: common_pb2.BlobRef) -> BlobRef:
    return BlobRef(ref.id, ref.size_bytes, ref.sha256)


def _wire_ref(kind: common_pb2.BlobRef.Kind, ref: BlobRef) -> common_pb2.BlobRef:
    return common_pb2.BlobRef(kind=kind, id=ref.id, size_bytes=ref.size_bytes, sha256=ref.sha256)
