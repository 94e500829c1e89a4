"""The orders of a session as calls to combiners, and the answers to them as events. Pure translation.

Protobuf ends here: an order comes in, one `Call` goes to a link; the answer comes back, one event goes to the session.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from fednet import limits
from fednet.aggregation import aggregator
from fednet.blob_ref import BlobRef as SignedRef
from fednet.digests import Digest
from fednet.errors import FednetError, LimitExceeded
from fednet.identity import Warrant
from fednet.json_values import strictly_parsed
from fednet.traces import round_place
from fednet.wire import common_pb2, rounds_pb2

from ..machine.events import (
    Event,
    PhaseBegun,
    PhaseRefused,
    Planned,
    PlanRefused,
    Reduced,
    ReduceRefused,
    Unheard,
    Withdrawn,
)
from ..machine.orders import (
    ClosePhase,
    Order,
    PlanRound,
    ReduceRound,
    ReleasePhase,
    StartPhase,
    WithdrawClients,
)
from ..machine.plans import plan_of
from ..machine.privacy import noise_of, terms_of
from ..machine.scene import abandoned_models
from ..machine.state import BlobRef, Functions, Phase, Round, Session, Share

Sign: TypeAlias = Callable[[Warrant], str]
"""Signs a warrant with the network's key."""


class Pool(StrEnum):
    """A group of threads of a link; a call waits only for others of its pool."""

    CONTROL = "control"
    REDUCING = "reduce"
    FUNCTIONS = "functions"


@dataclass(frozen=True)
class Authority:
    """The right of a controller to give orders for a session: its name, and its term as the session's driver."""

    controller: str
    term: int


@dataclass(frozen=True)
class Call:
    """One call to a combiner.

    Attributes:
        method: The method's name in the service `Rounds`.
        message: The request.
        seconds_max: The time that the combiner has for its answer.
        pool: The threads that make the call.
    """

    method: str
    message: Any
    seconds_max: float = limits.call_seconds_max
    pool: Pool = Pool.CONTROL


def fixed(order: Order) -> Order:
    """Return the order as it is now: later attempts change the round that it refers to."""
    if isinstance(order, PlanRound | ReduceRound):
        return replace(order, round=copy.copy(order.round))
    return order


def call_of(session: Session, order: Order, authority: Authority, sign: Sign) -> Call:
    """Return the call that gives a session's order to its combiner.

    Args:
        session: The session.
        order: The order.
        authority: The right to give it.
        sign: Signs the warrant of a phase.

    Raises:
        LimitExceeded: The settings or messages for the clients are too large for one call.
    """
    right = _right(session.session_id, authority)
    match order:
        case StartPhase():
            warrant = sign(_warrant(session, order.phase))
            return Call("Start", _sendable(_phase(session, order, right, warrant)))
        case ClosePhase(_, phase_id):
            return Call("Close", rounds_pb2.PhaseOrder(phase_id=phase_id, authority=right))
        case WithdrawClients(_, phase_id, clients):
            message = rounds_pb2.Withdrawal(phase_id=phase_id, clients=clients, authority=right)
            return Call("Withdraw", message)
        case ReleasePhase(_, phase_id):
            return release_call(session.session_id, phase_id, authority)
        case PlanRound():
            seconds = session.options.round_timeout + limits.round_grace_seconds
            return Call("Plan", _plan(session, order, right), seconds, Pool.FUNCTIONS)
        case ReduceRound():
            aggregates = session.functions is not None and session.functions.aggregates
            pool = Pool.FUNCTIONS if aggregates else Pool.REDUCING
            return Call(
                "Reduce", _reduction(session, order, right), session.options.round_timeout, pool
            )


def release_call(session_id: str, phase_id: str, authority: Authority) -> Call:
    """Return the call that lets a combiner forget a phase."""
    right = _right(session_id, authority)
    return Call("Release", rounds_pb2.PhaseOrder(phase_id=phase_id, authority=right))


def outcome(order: Order, answer: Any) -> Event | None:  # noqa: PLR0911  one event per answer
    """Return the event that an answer to an order is for its session; None if it is none.

    Args:
        order: The order.
        answer: The combiner's message, or the FednetError that the call ended with.
    """
    if isinstance(answer, FednetError):
        return Unheard(order) if answer.retryable else _refused(order, answer.message)
    match order:
        case PlanRound() | ReduceRound() if answer.HasField("failure"):
            return _refused(order, f"{answer.failure.message}\n{answer.failure.traceback}".strip())
        case PlanRound():
            return _planned(order, answer)
        case ReduceRound():
            share = answer.share_within_clip if answer.HasField("share_within_clip") else None
            return Reduced(_ref(answer.model), answer.seconds, _state_of(answer), share)
        case StartPhase(combiner):
            return PhaseBegun(combiner, order.phase_id)
        case WithdrawClients(combiner, phase_id):
            return Withdrawn(combiner, phase_id, frozenset(answer.clients))
        case _:
            return None


def _planned(order: PlanRound, answer: Any) -> Event | None:
    try:
        settings = strictly_parsed(answer.settings_json)
    except ValueError as error:
        return _refused(order, f"The settings that client_settings returned are not JSON: {error}.")
    current = order.round
    clients = list(answer.clients)
    return Planned(current.id, current.attempt, clients, settings, _state_of(answer))


def _refused(order: Order, message: str) -> Event | None:
    match order:
        case StartPhase(combiner):
            problem = f"{combiner}: {message}"
            return PhaseRefused(combiner, order.phase_id, problem, order.attempt)
        case PlanRound(_, current):
            return PlanRefused(current.id, current.attempt, message)
        case ReduceRound(_, current):
            return ReduceRefused(current.model_id, message)
        case _:
            return None


# Messages


def _right(session_id: str, authority: Authority) -> rounds_pb2.Authority:
    return rounds_pb2.Authority(
        controller=authority.controller, term=authority.term, session_id=session_id
    )


def _phase(
    session: Session, order: StartPhase, right: rounds_pb2.Authority, warrant: str
) -> rounds_pb2.Phase:
    phase, package, functions = order.phase, session.package, session.functions
    has_rounds = plan_of(session).has_rounds
    trains = phase.kind in {"TRAIN", "TRAIN_PRIVATELY"}
    return rounds_pb2.Phase(
        phase_id=phase.phase_id,
        session_id=session.session_id,
        round_id=order.round_id,
        round_number=phase.number,
        kind=phase.kind,
        model=_wire_ref(common_pb2.BlobRef.MODEL, phase.model),
        package=_wire_ref(common_pb2.BlobRef.PACKAGE, package) if package else None,
        helper=session.helper,
        settings_json=json.dumps(_settings(session, phase)),
        clients=order.clients,
        client_settings_json=_by_client(phase.client_settings, order.clients),
        seconds_max=order.seconds_max,
        attempt=order.attempt,
        aggregator=session.options.aggregator if has_rounds else "",
        aggregator_settings_json=_aggregator_settings(session) if has_rounds else "",
        share_partial=phase.is_shared,
        retain_updates=trains and not session.options.delete_models,
        keep_updates=functions is not None and functions.aggregates,
        update_codec=session.options.update_codec if trains else "",
        examples_max=session.options.examples_max if trains else None,
        privacy=_privacy(session, phase),
        secure=phase.secure,
        client_messages_json=_by_client(phase.messages, order.clients),
        authority=right,
        warrant=warrant,
        traceparent=round_place(session.document_id, phase.number).traceparent,
    )


def _sendable(phase: rounds_pb2.Phase) -> rounds_pb2.Phase:
    """Return the order to start a phase, if it fits into one message."""
    if phase.ByteSize() > limits.message_bytes_max:
        raise LimitExceeded(
            f"The order for {len(phase.clients)} clients of one combiner has {phase.ByteSize()} bytes, and at most "
            f"{limits.message_bytes_max} fit into a message. Ask fewer clients, spread them over more combiners, "
            "or give each smaller settings.",
            field="requested_clients",
        )
    return phase


def _warrant(session: Session, phase: Phase) -> Warrant:
    return Warrant(
        session_id=session.session_id,
        phase_id=phase.phase_id,
        round_number=phase.number,
        kind=phase.kind,
        helper=session.helper,
        model=SignedRef("MODEL", **vars(phase.model)),
        package=SignedRef("PACKAGE", **vars(session.package)) if session.package else None,
        privacy=_privacy(session, phase),
        secure=phase.secure,
    )


def _privacy(session: Session, phase: Phase) -> str:
    """Return the terms of privacy of a phase, as a text; empty without."""
    terms = terms_of(session) if phase.kind == "TRAIN_PRIVATELY" else None
    return terms.to_text() if terms else ""


def _settings(session: Session, phase: Phase) -> dict[str, Any]:
    """Return the settings that all clients are given with a task: what comes later replaces what comes before."""
    given = session.options.settings or {}
    if not plan_of(session).has_rounds:
        return {**given, "session_id": session.session_id}
    return {
        **given,
        **aggregator(session.options.aggregator, session.options.aggregator_kwargs).client_settings,
        **phase.settings,
        **session.options.for_clients(),
        "session_id": session.session_id,
        "round": phase.number,
    }


def _aggregator_settings(session: Session) -> str:
    return json.dumps(session.options.aggregator_kwargs or {})


def _by_client(values: Mapping[str, dict[str, Any]], clients: tuple[str, ...]) -> Mapping[str, str]:
    """Return the value of each of these clients that has one, as JSON."""
    return {client: json.dumps(values[client]) for client in clients if client in values}


def _plan(
    session: Session, order: PlanRound, right: rounds_pb2.Authority
) -> rounds_pb2.PlanRequest:
    state = order.round.functions_state
    return rounds_pb2.PlanRequest(
        functions=_functions(session, order.round),
        model=_wire_ref(common_pb2.BlobRef.MODEL, session.model),
        state=_wire_ref(common_pb2.BlobRef.STATE, state) if state else None,
        clients=order.clients,
        authority=right,
    )


def _functions(session: Session, current: Round) -> rounds_pb2.ServerFunctions:
    functions = _functions_of(session)
    about = rounds_pb2.PhaseContext(
        phase_id=current.model_id,  # unique for each attempt; a run repeats its random numbers by it
        session_id=session.session_id,
        round_id=current.id,
        round_number=current.number,
        model_id=session.model.id,
        kind=session.asks,
    )
    return rounds_pb2.ServerFunctions(
        about=about,
        source=session.options.server_functions or "",
        seconds_max=session.options.round_timeout,
        obsolete_state_ids=functions.obsolete,
        helper=session.helper,
    )


def _functions_of(session: Session) -> Functions:
    assert session.functions, "only a session with server functions asks for them"
    return session.functions


def _reduction(
    session: Session, order: ReduceRound, right: rounds_pb2.Authority
) -> rounds_pb2.Reduction:
    current = order.round
    aggregates = session.functions is not None and session.functions.aggregates
    state = current.functions_state if aggregates else session.aggregator_state
    return rounds_pb2.Reduction(
        model_id=current.model_id,
        base=_wire_ref(common_pb2.BlobRef.MODEL, session.model),
        aggregator=session.options.aggregator,
        aggregator_settings_json=_aggregator_settings(session),
        partials=_partials(current, current.parts),
        state=_wire_ref(common_pb2.BlobRef.STATE, state) if state else None,
        obsolete_state_id=session.obsolete_state_id,
        helper=session.helper,
        functions=_functions(session, current) if aggregates else None,
        authority=right,
        abandoned_model_ids=abandoned_models(session, current),
        noise=_noise(session, current),
        unmasking=_unmasking(current),
        round_number=current.number,
        traceparent=round_place(session.document_id, current.number).traceparent,
    )


def _unmasking(current: Round) -> rounds_pb2.Unmasking | None:
    """Return what removes the masks of a round with secure aggregation; None for any other round."""
    secure = next((part.secure for part in current.parts if part.secure), "")
    if not secure:
        return None
    return rounds_pb2.Unmasking(
        secure=secure,
        masks=_partials(current, current.mask_parts),
        keys=[rounds_pb2.MaskKey(**vars(key)) for key in current.mask_keys],
    )


def _noise(session: Session, current: Round) -> rounds_pb2.Noise | None:
    noise = noise_of(session, current.model_id)
    return rounds_pb2.Noise(**vars(noise)) if noise else None


def _partials(current: Round, parts: list[Phase]) -> list[rounds_pb2.Partial]:
    """Return the partials of phases, as their combiners have told them."""
    return [
        _partial(phase, combiner, share, current.number - phase.number)
        for phase in parts
        for combiner, share in phase.shares.items()
        if share.answers
    ]


def _partial(phase: Phase, combiner: str, share: Share, staleness: int) -> rounds_pb2.Partial:
    return rounds_pb2.Partial(
        phase_id=phase.phase_id,
        combiner=combiner,
        updates=share.answers,
        weight=share.weight,
        base=_wire_ref(common_pb2.BlobRef.MODEL, phase.model) if staleness else None,
        staleness=staleness,
        digest=_wire_digest(share.partial) if share.partial else None,
    )


# References to blobs


def _state_of(answer: rounds_pb2.Planned | rounds_pb2.Reduced) -> BlobRef | None:
    return _ref(answer.state) if answer.HasField("state") else None


def _ref(ref: common_pb2.BlobRef) -> BlobRef:
    return BlobRef(ref.id, Digest.read(ref.digest, ref.size_bytes))


def _wire_ref(kind: common_pb2.BlobRef.Kind, ref: BlobRef) -> common_pb2.BlobRef:
    digest = ref.digest
    return common_pb2.BlobRef(
        kind=kind, id=ref.id, size_bytes=digest.size_bytes, digest=digest.text
    )


def _wire_digest(digest: Digest) -> common_pb2.Digest:
    return common_pb2.Digest(size_bytes=digest.size_bytes, text=digest.text)
