"""What the controller asks, checked before anything is done: a request that passes can only fail for want of files."""

from __future__ import annotations

import json
import math
import uuid

from fednet import limits
from fednet.aggregation import Aggregator, Collecting, aggregator
from fednet.errors import InvalidInput
from fednet.parameters import model_format
from fednet.server_functions import check_source
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

_KINDS = (tasks_pb2.TRAIN, tasks_pb2.VALIDATE, tasks_pb2.PREDICT)


def check_phase(request: rounds_pb2.Phase) -> None:
    """Check a phase.

    Raises:
        InvalidInput: It cannot be begun; names the field.
    """
    _check_id(request.phase_id, "phase_id")
    _check_ref(request.model, common_pb2.BlobRef.MODEL, "model")
    if request.HasField("package"):
        _check_ref(request.package, common_pb2.BlobRef.PACKAGE, "package")
    model_format(request.helper)
    if request.kind not in _KINDS:
        raise InvalidInput("A phase is of the kind TRAIN, VALIDATE or PREDICT.", field="kind")
    _check_seconds(request.seconds_max)
    if request.kind == tasks_pb2.TRAIN:
        aggregator_of(request)


def check_reduction(request: rounds_pb2.Reduction) -> None:
    """Check a reduction.

    Raises:
        InvalidInput: It cannot be done; names the field.
    """
    _check_id(request.model_id, "model_id")
    _check_ref(request.base, common_pb2.BlobRef.MODEL, "base")
    model_format(request.helper)
    aggregator_of(request)
    if request.HasField("state"):
        _check_ref(request.state, common_pb2.BlobRef.STATE, "state")
    if request.obsolete_state_id:
        _check_id(request.obsolete_state_id, "obsolete_state_id")
    if not request.partials:
        raise InvalidInput("There are no partials to reduce.", field="partials")
    if request.HasField("functions"):
        _check_functions(request.functions)
    for partial in request.partials:
        _check_id(partial.phase_id, "partials")
        if not (partial.updates and math.isfinite(partial.weight) and partial.weight > 0):
            raise InvalidInput(f"The partial of {partial.combiner!r} is empty.", field="partials")
        _check_age(partial)


def check_plan(request: rounds_pb2.PlanRequest) -> None:
    """Check what is asked of server functions.

    Raises:
        InvalidInput: It cannot be done; names the field.
    """
    _check_ref(request.model, common_pb2.BlobRef.MODEL, "model")
    if request.HasField("state"):
        _check_ref(request.state, common_pb2.BlobRef.STATE, "state")
    _check_functions(request.functions)


def _check_functions(functions: rounds_pb2.ServerFunctions) -> None:
    check_source(functions.source)
    model_format(functions.helper)
    _check_id(functions.about.phase_id, "phase_id")
    _check_seconds(functions.seconds_max)
    for state_id in functions.obsolete_state_ids:
        _check_id(state_id, "obsolete_state_ids")


def aggregator_of(request: rounds_pb2.Phase | rounds_pb2.Reduction) -> Aggregator:
    """The aggregator that a request names; where server functions aggregate, one that only keeps.

    Raises:
        InvalidInput: There is no such aggregator, or it has no such settings.
    """
    if _leaves_it_to_functions(request):
        return Collecting()
    try:
        settings = json.loads(request.aggregator_settings_json or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"The aggregator's settings are no JSON: {error}.", field="aggregator_kwargs"
        ) from error
    if not isinstance(settings, dict):
        raise InvalidInput(
            "The aggregator's settings must be a JSON object.", field="aggregator_kwargs"
        )
    return aggregator(request.aggregator, settings)


def _check_age(partial: rounds_pb2.Partial) -> None:
    if partial.HasField("base"):
        _check_ref(partial.base, common_pb2.BlobRef.MODEL, "partials")
    if partial.HasField("base") != bool(partial.staleness):
        raise InvalidInput(
            f"The partial of {partial.combiner!r} needs a base and a staleness, or neither.",
            field="partials",
        )


def _leaves_it_to_functions(request: rounds_pb2.Phase | rounds_pb2.Reduction) -> bool:
    if isinstance(request, rounds_pb2.Phase):
        return request.keep_updates
    return request.HasField("functions")


def _check_seconds(seconds_max: float) -> None:
    if not 0 < seconds_max <= limits.round_seconds_max:
        raise InvalidInput(
            f"seconds_max is {seconds_max}; it must be above 0 and at most "
            f"{limits.round_seconds_max}.",
            field="seconds_max",
        )


def _check_ref(ref: common_pb2.BlobRef, kind: common_pb2.BlobRef.Kind, field: str) -> None:
    _check_id(ref.id, field)
    if ref.kind != kind:
        raise InvalidInput(f"What the field {field} refers to is of another kind.", field=field)


def _check_id(text: str, field: str) -> None:
    """Ids become names of files and blobs, so they must be what they say: UUIDs in their usual form."""
    try:
        is_id = str(uuid.UUID(text)) == text
    except ValueError:
        is_id = False
    if not is_id:
        raise InvalidInput(f"The field {field} needs a UUID.", field=field)
