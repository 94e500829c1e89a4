"""The first document of a session, with the first state, made of its options."""

from __future__ import annotations

from typing import Any

from fednet import limits
from fednet.aggregation import aggregator
from fednet.contract import PredictionOptions, SessionOptions, check_source
from fednet.privacy import new_noise_key
from fednet.storage import Document

from ..digest_fields import digest_in
from ..records import new_id, timestamp
from .machine.kernel import Machine
from .machine.privacy import PrivacyAccount
from .machine.state import BlobRef, Functions, Kind, Session


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
        "options": shown_options(options, session.model.id, session.helper),
        "committed_at": timestamp(),
        "projections": [],
        "is_settled": True,
        **Machine(session).document(),
    }


def shown_options(
    options: SessionOptions | PredictionOptions, model_id: str | None, helper: str | None
) -> dict[str, Any]:
    """Return the options as people see them, with the model to begin with and its helper filled in."""
    given = options.model_dump(by_alias=True, exclude={"session_id"}, mode="json")
    filled_in = {"model_id": model_id, "helper": helper}
    return {**given, **{name: given.get(name) or value for name, value in filled_in.items()}}


def is_started_with(session: Document, options: SessionOptions | PredictionOptions) -> bool:
    """Return True if a stored session has these options; one that is unknown to it has its default."""
    stored = session["options"]
    filled_in = (stored.get("model_id"), stored.get("helper"))
    known = {**shown_options(type(options)(), *filled_in), **stored}
    is_prediction = session["task"] == Kind.PREDICTION.task
    is_same_kind = is_prediction is isinstance(options, PredictionOptions)
    return is_same_kind and known == shown_options(options, *filled_in)


def _session(options: SessionOptions, model: Document, package: Document | None) -> Session:
    staleness_max = aggregator(options.aggregator, options.aggregator_kwargs).staleness_max
    kind = Kind.ASYNCHRONOUS if staleness_max else Kind.TRAINING
    session = _new_session(kind, options, model, package)
    session.staleness_max = staleness_max
    if privacy := options.privacy:
        session.privacy = PrivacyAccount(new_noise_key(), privacy.clip)
    if source := options.server_functions:
        session.functions = Functions(list(check_source(source).methods))
    return session


def _prediction_session(
    options: PredictionOptions, model: Document, package: Document | None
) -> Session:
    """Return a session of one round, which is neither repeated nor validated."""
    as_session = SessionOptions(
        id=options.session_id,
        model_id=options.model_id,
        round_timeout=options.round_timeout,
        requested_clients=options.requested_clients or limits.session_clients_max,
        min_clients=1,
        rounds=1,
        round_retries=0,
        validate=False,
        settings=options.settings,
    )
    return _new_session(Kind.PREDICTION, as_session, model, package)


def _new_session(
    kind: Kind, options: SessionOptions, model: Document, package: Document | None
) -> Session:
    document_id = new_id()
    return Session(
        session_id=options.session_id or document_id,
        document_id=document_id,
        kind=kind,
        options=options,
        helper=model["helper"],
        model=_blob_ref(model),
        package=_blob_ref(package) if package else None,
    )


def _blob_ref(document: Document) -> BlobRef:
    return BlobRef(document["id"], digest_in(document))
