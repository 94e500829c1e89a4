"""How a session begins: its first state, made of its options, in its first document."""

from __future__ import annotations

from typing import Any

from fednet.aggregation import aggregator
from fednet.server_functions import check_source
from fednet.storage import Document

from ..catalog import helper_of
from ..records import new_id, timestamp
from .kinds import PREDICTION, TRAINING
from .options import PredictionOptions, SessionOptions
from .state import AnySession, BlobRef, Functions, PredictionSession, Session


def first_document(
    options: SessionOptions | PredictionOptions, model: Document, package: Document | None
) -> Document:
    """The document of a new session.

    Args:
        options: Checked options.
        model: The document of the model to begin with.
        package: That of the active package; None where there is none.
    """
    if isinstance(options, PredictionOptions):
        return _document(_prediction_session(options, model, package), options, None)
    return _document(_session(options, model, package), options, options.name)


def _document(
    session: AnySession, options: SessionOptions | PredictionOptions, name: str | None
) -> Document:
    return {
        "id": session.document_id,
        "session_id": session.session_id,
        "name": name or session.session_id,
        "task": TRAINING if isinstance(session, Session) else PREDICTION,
        "status": str(session.status),
        "reason": "",
        "session_config": [config_of(options, session.helper)],
        "committed_at": timestamp(),
        "round_number": 0,
        "rounds_total": session.rounds,
        "model_id": session.model.id,
        "progress": session.progress,
        "state": session.to_dict(),
    }


def config_of(options: SessionOptions | PredictionOptions, helper: str) -> dict[str, Any]:
    """The options as they are shown, with the helper that was left out."""
    given = options.model_dump(by_alias=True, exclude={"session_id"}, mode="json")
    return {**given, "helper": given.get("helper") or helper}


def _session(options: SessionOptions, model: Document, package: Document | None) -> Session:
    document_id = new_id()
    session_id = options.session_id or document_id
    return Session(
        session_id=session_id,
        document_id=document_id,
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
        staleness_max=aggregator(options.aggregator, options.aggregator_kwargs).staleness_max,
        functions=_functions(options.server_functions),
    )


def _functions(source: str | None) -> Functions | None:
    return Functions(source, list(check_source(source).methods)) if source else None


def _prediction_session(
    options: PredictionOptions, model: Document, package: Document | None
) -> PredictionSession:
    document_id = new_id()
    return PredictionSession(
        session_id=options.session_id or document_id,
        document_id=document_id,
        requested_clients=options.requested_clients,
        round_timeout=options.round_timeout,
        helper=helper_of(model),
        model=_blob_ref(model),
        package=_blob_ref(package) if package else None,
    )


def _blob_ref(document: Document) -> BlobRef:
    return BlobRef(document["id"], document["size_bytes"], document["sha256"])
