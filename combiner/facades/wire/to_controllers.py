"""Values as messages for controllers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from fednet.digests import Digest
from fednet.rpc import readiness_message
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

from ...machine.news import (
    ClientJoined,
    ClientLeft,
    CombinerStopping,
    Envelope,
    ExchangeReported,
    Happening,
    PhaseClosed,
    PredictionReported,
    Snapshot,
    TaskSent,
    TaskUnanswered,
    UpdateFolded,
    ValidationReported,
)
from ...machine.orders import FunctionsFailure, Plan, Reduced
from ...machine.values import Capabilities, LogRecord, PhaseContext
from .to_clients import blob_ref


def event_message(told: Snapshot | Envelope) -> rounds_pb2.Event:
    """Return a snapshot or news as an event."""
    if isinstance(told, Snapshot):
        return rounds_pb2.Event(happened_at=time.time(), snapshot=_snapshot(told))
    news = told.news
    name, body_of = _BODIES[type(news.happening)]
    return rounds_pb2.Event(
        number=told.number,
        happened_at=told.happened_at,
        phase=_context(news.phase) if news.phase else None,
        client_id=news.client_id,
        task_id=news.task_id,
        **{name: body_of(news.happening)},
    )


def planned_message(plan: Plan) -> rounds_pb2.Planned:
    """Return the choice of server functions as a message."""
    return rounds_pb2.Planned(
        failure=_failure(plan.failure) if plan.failure else None,
        clients=plan.clients,
        settings_json=plan.settings_json,
        state=blob_ref(plan.state) if plan.state else None,
    )


def reduced_message(reduced: Reduced) -> rounds_pb2.Reduced:
    """Return the outcome of a reduction as a message."""
    return rounds_pb2.Reduced(
        model=blob_ref(reduced.model) if reduced.model else None,
        seconds=reduced.seconds,
        state=blob_ref(reduced.state) if reduced.state else None,
        failure=_failure(reduced.failure) if reduced.failure else None,
        share_within_clip=reduced.share_within_clip,
    )


def _failure(failure: FunctionsFailure) -> rounds_pb2.FunctionsFailure:
    return rounds_pb2.FunctionsFailure(message=failure.message, traceback=failure.traceback)


def _snapshot(snapshot: Snapshot) -> rounds_pb2.Snapshot:
    return rounds_pb2.Snapshot(
        epoch=snapshot.epoch,
        clients={id_: _capabilities(each) for id_, each in snapshot.clients.items()},
        phases=[
            rounds_pb2.HeldPhase(phase_id=phase_id, session_id=session_id)
            for phase_id, session_id in snapshot.phases.items()
        ],
        allows_functions=snapshot.allows_functions,
        is_stopping=snapshot.is_stopping,
    )


def _capabilities(capabilities: Capabilities) -> rounds_pb2.Capabilities:
    kinds = [kind.value for kind in capabilities.kinds]
    return rounds_pb2.Capabilities(
        needs_package=capabilities.needs_package,
        kinds=kinds,
        readiness=readiness_message(capabilities.readiness),
    )


def _context(context: PhaseContext) -> rounds_pb2.PhaseContext:
    return rounds_pb2.PhaseContext(
        phase_id=context.phase_id,
        session_id=context.session_id,
        round_id=context.round_id,
        round_number=context.round_number,
        model_id=context.model_id,
        kind=context.kind and context.kind.value,
    )


def _joined(joined: ClientJoined) -> rounds_pb2.Capabilities:
    return _capabilities(joined.capabilities)


def _log(record: LogRecord) -> tasks_pb2.LogRecord:
    return tasks_pb2.LogRecord(level=record.level.value, text=record.text, task_id=record.task_id)


def _closed(closed: PhaseClosed) -> dict[str, Any]:
    partial = closed.partial
    digest = _digest(partial) if partial else None
    return {**vars(closed), "partial": digest}


def _digest(digest: Digest) -> common_pb2.Digest:
    return common_pb2.Digest(size_bytes=digest.size_bytes, text=digest.text)


def _fields(happening: Happening) -> dict[str, Any]:
    """Return the fields of news whose message has the same ones."""
    return vars(happening)


# By class of news: the field of the event, and its content.
_BODIES: Final[Mapping[type[Happening], tuple[str, Callable[[Any], Any]]]] = {
    ClientJoined: ("client_joined", _joined),
    ClientLeft: ("client_left", _fields),
    CombinerStopping: ("stopping", _fields),
    TaskSent: ("task_sent", _fields),
    UpdateFolded: ("update_folded", _fields),
    ValidationReported: ("validation", _fields),
    TaskUnanswered: ("unanswered", _fields),
    PhaseClosed: ("phase_closed", _closed),
    LogRecord: ("log", _log),
    PredictionReported: ("prediction", _fields),
    ExchangeReported: ("exchange", _fields),
}
