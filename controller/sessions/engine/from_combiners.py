"""The events of a combiner's stream as values of our own. Protobuf and JSON end here."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

from fednet import limits
from fednet.digests import Digest
from fednet.errors import InvalidInput
from fednet.json_values import storable
from fednet.rpc import readiness_of
from fednet.wire import rounds_pb2, tasks_pb2

from ...presence import Capabilities
from .news import (
    ClientGone,
    ClientSeen,
    CombinerStops,
    LogWritten,
    ModelUsed,
    ModelValidated,
    News,
    ShareClosed,
    Snapshot,
    TaskFailed,
    TaskSent,
    Unknown,
    UpdateFolded,
    ValueGiven,
)

What = Any
"""One of the events of `news`."""


def read(combiner: str, event: rounds_pb2.Event) -> News:
    """Return an event of a combiner's stream."""
    phase = event.phase
    read_what = _READERS.get(event.WhichOneof("event") or "", _unknown)
    return News(
        combiner=combiner,
        number=event.number,
        happened_at=event.happened_at,
        phase_id=phase.phase_id,
        session_id=phase.session_id,
        round_id=phase.round_id,
        round_number=phase.round_number,
        model_id=phase.model_id,
        kind=_name(tasks_pb2.TaskKind, phase.kind, ""),
        client=event.client_id,
        task=event.task_id[: limits.name_characters_max],
        what=read_what(event),
    )


def _snapshot(event: rounds_pb2.Event) -> What:
    told = event.snapshot
    held: defaultdict[str, set[str]] = defaultdict(set)
    for phase in told.phases:
        held[phase.session_id].add(phase.phase_id)
    return Snapshot(
        epoch=told.epoch,
        clients={id_: capabilities(able) for id_, able in told.clients.items()},
        held={session_id: frozenset(phases) for session_id, phases in held.items()},
        allows_functions=told.allows_functions,
        is_stopping=told.is_stopping,
    )


def _stopping(_event: rounds_pb2.Event) -> What:
    return CombinerStops()


def _joined(event: rounds_pb2.Event) -> What:
    return ClientSeen(capabilities(event.client_joined))


def _left(_event: rounds_pb2.Event) -> What:
    return ClientGone()


def _sent(_event: rounds_pb2.Event) -> What:
    return TaskSent()


def _folded(event: rounds_pb2.Event) -> What:
    told = event.update_folded
    seconds = {
        "download": told.download_seconds,
        "train": told.train_seconds,
        "upload": told.upload_seconds,
        "fold": told.fold_seconds,
    }
    metadata = json_of(told.metadata_json, limits.metadata_characters_max)
    return UpdateFolded(told.num_examples, metadata, seconds)


def _validated(event: rounds_pb2.Event) -> What:
    return ModelValidated(json_of(event.validation.metrics_json))


def _predicted(event: rounds_pb2.Event) -> What:
    return ModelUsed(json_of(event.prediction.result_json))


def _exchanged(event: rounds_pb2.Event) -> What:
    value = json_of(event.exchange.value_json)
    return ValueGiven(value if isinstance(value, Mapping) else {}, event.exchange.value)


def _unanswered(event: rounds_pb2.Event) -> What:
    told = event.unanswered
    return TaskFailed(
        why=_name(rounds_pb2.TaskUnanswered.Why, told.why, "FAILED"),
        message=told.message[: limits.text_characters_max],
        traceback=told.traceback[-limits.traceback_characters_max :],
    )


def _closed(event: rounds_pb2.Event) -> What:
    told = event.phase_closed
    partial = _partial_of(told) if told.HasField("partial") else None
    return ShareClosed(told.answers, told.weight, told.failure, told.attempt, partial)


def _partial_of(told: rounds_pb2.PhaseClosed) -> Digest | None:
    """Return the digest of the shared partial; None for an invalid one, which nobody can merge."""
    try:
        return Digest.read(told.partial.text, told.partial.size_bytes)
    except InvalidInput:
        return None


def _logged(event: rounds_pb2.Event) -> What:
    level = _name(tasks_pb2.LogRecord.Level, event.log.level, "INFO")
    return LogWritten(level, event.log.text[: limits.text_characters_max])


def _unknown(_event: rounds_pb2.Event) -> What:
    return Unknown()


_READERS: Final[Mapping[str, Callable[[rounds_pb2.Event], What]]] = {
    "snapshot": _snapshot,
    "stopping": _stopping,
    "client_joined": _joined,
    "client_left": _left,
    "task_sent": _sent,
    "update_folded": _folded,
    "validation": _validated,
    "prediction": _predicted,
    "exchange": _exchanged,
    "unanswered": _unanswered,
    "phase_closed": _closed,
    "log": _logged,
}


def capabilities(told: rounds_pb2.Capabilities) -> Capabilities:
    """Return a client's abilities, without kinds of task that only a newer version knows."""
    known = tasks_pb2.TaskKind.values()
    kinds = frozenset(tasks_pb2.TaskKind.Name(kind) for kind in told.kinds if kind in known)
    return Capabilities(kinds, told.needs_package, readiness_of(told.readiness))


def json_of(text: str, characters_max: int = limits.json_bytes_max) -> Any:
    """Return the value of a client's JSON text, as it can be stored; the text, cut, if it is no JSON or too long."""
    if len(text) > characters_max:
        return text[:characters_max]
    try:
        value = json.loads(text) if text else {}
        json.dumps(value, allow_nan=False)
        value, _ = storable(value)
    except (ValueError, RecursionError):
        return text
    return value


def _name(kinds: Any, value: int, otherwise: str) -> str:
    """Return the name of a value; another one if only a newer version knows the value."""
    return str(kinds.Name(value)) if value in kinds.values() else otherwise
