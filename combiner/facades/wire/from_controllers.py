"""Orders of controllers as values, checked before anything is done: later, only missing files make an order fail."""

from __future__ import annotations

import math
import re
from typing import Final

from fednet import limits
from fednet.contract import check_source
from fednet.digests import Digest
from fednet.errors import InvalidInput
from fednet.names import check_id
from fednet.parameters import model_format
from fednet.privacy import PrivacyTerms
from fednet.secure.masks import MaskKey
from fednet.secure.terms import PET, SecureTerms
from fednet.traces import place_of
from fednet.update_codec import PLAIN_CODEC, UpdateCodec, codec_names, codec_of
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

from ...machine.aggregators import aggregator_of
from ...machine.assignment import Assignment
from ...machine.orders import (
    FunctionsOrder,
    Noise,
    PlanOrder,
    Reduction,
    ReportedPartial,
    Unmasking,
)
from ...machine.values import (
    Authority,
    Blob,
    BlobKind,
    JsonObject,
    PhaseContext,
    TaskKind,
)
from .json_objects import json_object

_KINDS: Final = {int(tasks_pb2.TaskKind.Value(kind)): kind for kind in TaskKind}
_KEY: Final = re.compile("[0-9a-f]{64}")
_BLOB_KINDS: Final = {int(common_pb2.BlobRef.Kind.Value(kind)): kind for kind in BlobKind}


def authority_of(message: rounds_pb2.Authority) -> Authority:
    """Return the authority of an order.

    Raises:
        InvalidInput: The order names none.
    """
    for name in (message.controller, message.session_id):
        if not 0 < len(name) <= limits.name_characters_max:
            raise InvalidInput(
                "The order names no authority: it needs the controller's name and the session's id.",
                field="authority",
            )
    return Authority(message.controller, message.term, message.session_id)


def assignment_of(message: rounds_pb2.Phase) -> Assignment:
    """Return the assignment of a phase.

    Raises:
        InvalidInput: It cannot be begun; names the field.
    """
    assignment = Assignment(
        authority=authority_of(message.authority),
        phase_id=check_id(message.phase_id, "phase_id"),
        session_id=message.session_id,
        round_id=message.round_id,
        round_number=message.round_number,
        kind=_kind(message),
        model=_model(message),
        package=_optional_blob(message, "package", BlobKind.PACKAGE),
        helper=message.helper,
        settings=_settings(message.settings_json, "settings_json"),
        clients=tuple(dict.fromkeys(message.clients)),
        client_settings={
            client: _settings(text, "client_settings_json")
            for client, text in message.client_settings_json.items()
        },
        seconds_max=_seconds(message.seconds_max),
        aggregator=message.aggregator,
        aggregator_settings=_aggregator_settings(message),
        share_partial=message.share_partial,
        keep_updates=message.keep_updates,
        retain_updates=message.retain_updates,
        attempt=message.attempt,
        warrant=message.warrant,
        update_codec=_codec(message.update_codec),
        examples_max=_examples_max(message),
        privacy=PrivacyTerms.from_text(message.privacy) if message.privacy else None,
        secure=SecureTerms.from_text(message.secure) if message.secure else None,
        client_messages={
            client: json_object(text, "client_messages_json", bytes_max=limits.message_bytes_max)
            for client, text in message.client_messages_json.items()
        },
        traceparent=_traceparent(message.traceparent),
    )
    _check_assignment(assignment)
    return assignment


def _examples_max(message: rounds_pb2.Phase) -> float | None:
    if not message.HasField("examples_max"):
        return None
    if not 0 < message.examples_max <= limits.update_examples_max:
        raise InvalidInput(
            f"examples_max is {message.examples_max:g}; it must be above 0 and at most "
            f"{limits.update_examples_max}.",
            field="examples_max",
        )
    return float(message.examples_max)


def withdrawal_of(message: rounds_pb2.Withdrawal) -> tuple[str, tuple[str, ...], Authority]:
    """Return the phase, the clients and the authority of a withdrawal.

    Raises:
        InvalidInput: It makes no sense; names the field.
    """
    clients = tuple(dict.fromkeys(message.clients))
    return check_id(message.phase_id, "phase_id"), clients, authority_of(message.authority)


def phase_order_of(message: rounds_pb2.PhaseOrder) -> tuple[str, Authority]:
    """Return the phase and the authority of an order.

    Raises:
        InvalidInput: It makes no sense; names the field.
    """
    return check_id(message.phase_id, "phase_id"), authority_of(message.authority)


def reduction_of(message: rounds_pb2.Reduction) -> Reduction:
    """Return a reduction.

    Raises:
        InvalidInput: It cannot be done; names the field.
    """
    model_format(message.helper)
    obsolete = message.obsolete_state_id
    if not message.partials:
        raise InvalidInput("There are no partials to reduce.", field="partials")
    reduction = Reduction(
        authority=authority_of(message.authority),
        model_id=check_id(message.model_id, "model_id"),
        base=_blob(message.base, BlobKind.MODEL, "base"),
        helper=message.helper,
        aggregator=message.aggregator,
        aggregator_settings=_aggregator_settings(message),
        partials=tuple(_partial(each) for each in message.partials),
        state=_optional_blob(message, "state", BlobKind.STATE),
        obsolete_state_id=check_id(obsolete, "obsolete_state_id") if obsolete else "",
        functions=_functions(message.functions) if message.HasField("functions") else None,
        abandoned_model_ids=tuple(
            check_id(each, "abandoned_model_ids") for each in message.abandoned_model_ids
        ),
        noise=_noise(message.noise) if message.HasField("noise") else None,
        unmasking=_unmasking(message.unmasking) if message.HasField("unmasking") else None,
        round_number=message.round_number,
        traceparent=_traceparent(message.traceparent),
    )
    aggregator_of(reduction)
    return reduction


def plan_order_of(message: rounds_pb2.PlanRequest) -> PlanOrder:
    """Return an order to let server functions choose.

    Raises:
        InvalidInput: It cannot be done; names the field.
    """
    return PlanOrder(
        authority=authority_of(message.authority),
        functions=_functions(message.functions),
        model=_blob(message.model, BlobKind.MODEL, "model"),
        state=_optional_blob(message, "state", BlobKind.STATE),
        clients=tuple(message.clients),
    )


def _check_assignment(assignment: Assignment) -> None:
    if assignment.authority.session_id != assignment.session_id:
        raise InvalidInput(
            f"The authority is for the session {assignment.authority.session_id!r}, and the phase "
            f"belongs to {assignment.session_id!r}.",
            field="authority",
        )
    model_format(assignment.helper)
    if (assignment.kind is TaskKind.TRAIN_PRIVATELY) != (assignment.privacy is not None):
        raise InvalidInput(
            f"A phase of the kind {TaskKind.TRAIN_PRIVATELY} has terms of privacy, and no other one.",
            field="privacy",
        )
    if assignment.kind.is_secure != (assignment.secure is not None):
        raise InvalidInput(
            f"A phase of the kind {assignment.kind} needs the terms of secure aggregation if it is a part of it, and "
            "none otherwise.",
            field="secure",
        )
    if assignment.kind.folds:
        aggregator_of(assignment)


def _noise(message: rounds_pb2.Noise) -> Noise:
    counts = message.HasField("count_deviation")
    deviations = [message.deviation, *([message.count_deviation] if counts else [])]
    if not (_KEY.fullmatch(message.key) and all(0 < each < math.inf for each in deviations)):
        raise InvalidInput(
            "The noise needs a key of 64 hexadecimal digits, and finite standard deviations above 0.",
            field="noise",
        )
    return Noise(message.key, message.deviation, message.count_deviation if counts else None)


def _unmasking(message: rounds_pb2.Unmasking) -> Unmasking:
    """Return what makes a sum of updates of that of masked ones: in `pet` the sums of masks, otherwise their keys."""
    terms = SecureTerms.from_text(message.secure)
    if (terms.protocol == PET) != bool(message.masks):
        raise InvalidInput(
            f"The protocol {PET} removes masks by the sums that sum participants send, and no other protocol does. "
            f"The order has {len(message.masks)} of them.",
            field="unmasking",
        )
    return Unmasking(
        terms,
        masks=tuple(_partial(each) for each in message.masks),
        keys=tuple(MaskKey(each.key, each.subtract) for each in message.keys),
    )


def _traceparent(text: str) -> str:
    """Return the place of a span; "" for a text that names none, which ends no order."""
    return text if place_of(text) else ""


def _codec(name: str) -> UpdateCodec:
    """Return the codec with a name; the plain one for a name of a later version, because all clients know it."""
    return codec_of(name) if name in codec_names() else PLAIN_CODEC


def _kind(message: rounds_pb2.Phase) -> TaskKind:
    if message.kind not in _KINDS:
        names = ", ".join(TaskKind)
        raise InvalidInput(f"A phase is of one of the kinds {names}.", field="kind")
    return _KINDS[message.kind]


def _model(message: rounds_pb2.Phase) -> Blob | None:
    """Return a phase's model; an exchange may do without one."""
    if _kind(message).is_exchange:
        return _optional_blob(message, "model", BlobKind.MODEL)
    return _blob(message.model, BlobKind.MODEL, "model")


def _settings(text: str, field: str) -> JsonObject:
    return json_object(text, field, bytes_max=limits.message_bytes_max) if text else JsonObject()


def _aggregator_settings(message: rounds_pb2.Phase | rounds_pb2.Reduction) -> JsonObject:
    text = message.aggregator_settings_json
    return json_object(text, "aggregator_kwargs", "aggregator's settings") if text else JsonObject()


def _functions(message: rounds_pb2.ServerFunctions) -> FunctionsOrder:
    check_source(message.source)
    model_format(message.helper)
    return FunctionsOrder(
        about=PhaseContext(
            phase_id=check_id(message.about.phase_id, "phase_id"),
            session_id=message.about.session_id,
            round_id=message.about.round_id,
            round_number=message.about.round_number,
            model_id=message.about.model_id,
            kind=_KINDS.get(message.about.kind),
        ),
        source=message.source,
        seconds_max=_seconds(message.seconds_max),
        helper=message.helper,
        obsolete_state_ids=tuple(
            check_id(each, "obsolete_state_ids") for each in message.obsolete_state_ids
        ),
    )


def _partial(message: rounds_pb2.Partial) -> ReportedPartial:
    if not (message.updates and math.isfinite(message.weight) and message.weight > 0):
        raise InvalidInput(f"The partial of {message.combiner!r} is empty.", field="partials")
    if message.HasField("base") != bool(message.staleness):
        raise InvalidInput(
            f"The partial of {message.combiner!r} needs a base and a staleness, or neither.",
            field="partials",
        )
    has_base = message.HasField("base")
    return ReportedPartial(
        phase_id=check_id(message.phase_id, "partials"),
        combiner=message.combiner,
        updates=message.updates,
        weight=message.weight,
        base=_blob(message.base, BlobKind.MODEL, "partials") if has_base else None,
        staleness=message.staleness,
        digest=_digest(message.digest, "partials") if message.HasField("digest") else None,
    )


def _seconds(seconds_max: float) -> float:
    if not 0 < seconds_max <= limits.round_seconds_max:
        raise InvalidInput(
            f"seconds_max is {seconds_max}; it must be above 0 and at most "
            f"{limits.round_seconds_max}.",
            field="seconds_max",
        )
    return seconds_max


def _optional_blob(
    message: rounds_pb2.Phase | rounds_pb2.Reduction | rounds_pb2.PlanRequest,
    field: str,
    kind: BlobKind,
) -> Blob | None:
    return _blob(getattr(message, field), kind, field) if message.HasField(field) else None


def _blob(ref: common_pb2.BlobRef, kind: BlobKind, field: str) -> Blob:
    check_id(ref.id, field)
    if _BLOB_KINDS.get(ref.kind) is not kind:
        raise InvalidInput(f"The field {field} refers to a blob of another kind.", field=field)
    return Blob(kind, ref.id, Digest.read(ref.digest, ref.size_bytes, field))


def _digest(message: common_pb2.Digest, field: str) -> Digest:
    return Digest.read(message.text, message.size_bytes, field)
