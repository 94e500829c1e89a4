"""The first document of a session, with the first state, made of its options."""

from __future__ import annotations

from typing import Any

from fednet import limits
from fednet.aggregation import aggregator
from fednet.server_functions import check_source
from fednet.storage import Document

from ..catalog import helper_of
from ..records import new_id, timestamp
from .machine.kernel import Machine
from .machine.state import BlobRef, Functions, Kind, Session
from .options import PredictionOptions, SessionOptions


def first_document(
    options: SessionOptions | PredictionOptions, model: Document, package: Document | None
) -> Document:
    """Return the document of a new session.

    Args:
        options: Checked options.
        model: The document of the model to begin with.
        package: That of the active package; None where there is none.
    """
    if isinstance(options, PredictionOptions):
        return _document(_prediction_session(options, model, package), options, None)
    return _document(_session(options, model, package), options, options.name)


def _document(
    session: Session, options: SessionOptions | PredictionOptions, name: str | None
) -> Document:
    return {
        "id": session.document_id,
        "session_id": session.session_id,
        "name": name or session.session_id,
        "task": session.kind.task,
        "session_config": [config_of(options, session.helper)],
        "committed_at": timestamp(),
        "projections": [],
        "is_settled": True,
        **Machine(session).document(),
    }


def config_of(options: SessionOptions | PredictionOptions, helper: str) -> dict[str, Any]:
    """Return the options as people see them, with the helper filled in."""
    given = options.model_dump(by_alias=True, exclude={"session_id"}, mode="json")
    return {**given, "helper": given.get("helper") or helper}


def _session(options: SessionOptions, model: Document, package: Document | None) -> Session:
    document_id = new_id()
    session_id = options.session_id or document_id
    staleness_max = aggregator(options.aggregator, options.aggregator_kwargs).staleness_max
    return Session(
        session_id=session_id,
        document_id=document_id,
        kind=Kind.ASYNCHRONOUS if staleness_max else Kind.TRAINING,
        rounds=options.rounds,
        min_clients=options.min_clients,
        requested_clients=options.requested_clients,
        round_timeout=options.round_timeout,
        round_buffer_size=options.round_buffer_size,
        round_retries=options.round_retries,
        delete_models=options.delete_models,
        validate=options.validate_models,
        helper=helper_of(model),
        aggregator=options.aggregator,
        aggregator_kwargs=options.aggregator_kwargs or {},
        model=_blob_ref(model),
        package=_blob_ref(package) if package else None,
        seed=session_id if options.seed is None else str(options.seed),
        staleness_max=staleness_max,
        functions=_functions(options.server_functions),
    )


def _functions(source: str | None) -> Functions | None:
    return Functions(source, list(check_source(source).methods)) if source else None


def _prediction_session(
    options: PredictionOptions, model: Document, package: Document | None
) -> Session:
    document_id = new_id()
    session_id = options.session_id or document_id
    return Session(
        session_id=session_id,
        document_id=document_id,
        kind=Kind.PREDICTION,
        rounds=1,
        round_retries=0,
        min_clients=1,
        requested_clients=options.requested_clients or limits.session_clients_max,
        seed=session_id,
        round_timeout=options.round_timeout,
        helper=helper_of(model),
        model=_blob_ref(model),
        package=_blob_ref(package) if package else None,
    )


def _blob_ref(document: Document) -> BlobRef:
    return BlobRef(document["id"], document["size_bytes"], document["sha256"])
