"""Whether a session may begin: everything is checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fednet import limits
from fednet.aggregation import aggregator
from fednet.errors import AlreadyExists, FailedPrecondition, InvalidInput, NotFound
from fednet.parameters import model_format
from fednet.server_functions import check_source
from fednet.storage import Document, Query

from ..catalog import Catalog, helper_of
from ..presence import Capabilities, Presence
from ..records import Records, new_id, timestamp
from .kinds import PREDICTION, TRAINING
from .options import PredictionOptions, SessionOptions
from .state import AnySession, BlobRef, Functions, PredictionSession, Session


@dataclass(frozen=True)
class Admission:
    """Makes the first document of a session, or says why there can be none.

    Args:
        records: The documents.
        catalog: The models and packages.
        presence: Who is connected.
    """

    records: Records
    catalog: Catalog
    presence: Presence

    def known(self, options: SessionOptions | PredictionOptions) -> Document | None:
        """The session that was started with these options before; None if there is none.

        Raises:
            AlreadyExists: The id belongs to a session with other options.
        """
        known = self.records.lookup_natural("sessions", options.session_id or "")
        if known and known["session_config"] != [_config(options, known["state"]["helper"])]:
            raise AlreadyExists(
                f"The id {options.session_id!r} belongs to a session with other options. "
                "Choose another id, or leave it out.",
                field="session_id",
            )
        return known

    def admit(self, options: SessionOptions | PredictionOptions) -> Document:
        """The document of a new session, to be inserted.

        Raises:
            FailedPrecondition: No model or no package is set, or too few clients are connected.
            InvalidInput: An option is wrong; names it.
        """
        if isinstance(options, PredictionOptions):
            return self._admit_prediction(options)
        _check_options(options)
        model = self._first_model(options)
        _check_helper(options, model)
        package = self._package()
        self._check_clients(options, model, package)
        return _document(_session(options, model, package), options)

    def _admit_prediction(self, options: PredictionOptions) -> Document:
        model = self._first_model(options)
        package = self._package()
        self._check_predictors(model, package)
        return _document(_prediction_session(options, model, package), options)

    def _first_model(self, options: SessionOptions | PredictionOptions) -> Document:
        try:
            if options.model_id:
                return self.records.get("models", options.model_id)
            return self.catalog.active_model()
        except NotFound as error:
            if options.model_id:
                raise InvalidInput(error.message, field="model_id") from error
            raise FailedPrecondition(error.message, field="model_id") from error

    def _package(self) -> Document | None:
        try:
            return self.catalog.active_package()
        except NotFound:
            return None

    def _check_clients(
        self, options: SessionOptions, model: Document, package: Document | None
    ) -> None:
        self._wait_for_newcomers("TRAIN", options.min_clients)
        trainers = dict(self._capable("TRAIN"))
        if len(trainers) < options.min_clients:
            raise FailedPrecondition(
                f"Not enough clients available to start session: {len(trainers)} connected, "
                f"{options.min_clients} needed. Start more clients, or ask for fewer.",
                field="min_clients",
            )
        if any(trainer.needs_package for trainer in trainers.values()):
            _check_package(package, model)

    def _check_predictors(self, model: Document, package: Document | None) -> None:
        self._wait_for_newcomers("PREDICT", 1)
        # Documents of earlier versions do not say what a package can do.
        package_predicts = package is not None and "predict" in package.get("tasks", ["predict"])
        predictors = [
            each
            for _, each in self._capable("PREDICT")
            if package_predicts or not each.needs_package
        ]
        if not predictors:
            raise FailedPrecondition(
                "No connected client can predict. Give clients a predict function, or set a compute "
                "package with an entry point predict.",
                field="predict",
            )
        if any(predictor.needs_package for predictor in predictors):
            _check_package(package, model)

    def _wait_for_newcomers(self, kind: str, count: int) -> None:
        """A client that has just registered may be a moment from being connected: give it that moment."""
        registered = self.records.count("clients", Query(where={"status": ["available", "online"]}))
        if registered >= count:
            self.presence.wait_for_clients(kind, count, limits.joining_seconds_max)

    def _capable(self, kind: str) -> Iterator[tuple[str, Capabilities]]:
        for clients in self.presence.connected().values():
            yield from ((id_, each) for id_, each in clients.items() if kind in each.kinds)


def _check_options(options: SessionOptions) -> None:
    _check_aggregator(options)
    _check_functions(options)
    if options.helper:
        model_format(options.helper)
    if options.requested_clients < options.min_clients:
        raise InvalidInput(
            f"requested_clients ({options.requested_clients}) must be at least min_clients "
            f"({options.min_clients}).",
            field="requested_clients",
        )
    if options.round_buffer_size == 0 or 0 < options.round_buffer_size < options.min_clients:
        raise InvalidInput(
            f"round_buffer_size ({options.round_buffer_size}) must be -1 (all) or at least "
            f"min_clients ({options.min_clients}).",
            field="round_buffer_size",
        )
    rule = aggregator(options.aggregator, options.aggregator_kwargs)
    if options.round_buffer_size > options.requested_clients and not rule.staleness_max:
        raise InvalidInput(
            f"round_buffer_size ({options.round_buffer_size}) must be at most requested_clients "
            f"({options.requested_clients}): no more updates than that come in.",
            field="round_buffer_size",
        )


def _check_functions(options: SessionOptions) -> None:
    if options.server_functions is None:
        return
    if aggregator(options.aggregator, options.aggregator_kwargs).staleness_max:
        raise InvalidInput(
            f"The aggregator {options.aggregator!r} lets clients work without waiting for each other: "
            "there are no rounds in which server functions could choose. Leave one of them out.",
            field="aggregator",
        )
    if "aggregate" not in check_source(options.server_functions).methods:
        return
    default = SessionOptions.model_fields["aggregator"].default
    if options.aggregator != default:
        raise InvalidInput(
            f"The server functions aggregate, and so does the aggregator {options.aggregator!r}. "
            "Leave one of them out.",
            field="aggregator",
        )
    if options.requested_clients > limits.kept_updates_max:
        raise InvalidInput(
            f"requested_clients ({options.requested_clients}) must be at most "
            f"{limits.kept_updates_max}: aggregate is given no more updates.",
            field="requested_clients",
        )


def _check_aggregator(options: SessionOptions) -> None:
    rule = aggregator(options.aggregator, options.aggregator_kwargs)
    if options.min_clients < rule.updates_min:
        raise InvalidInput(
            f"min_clients ({options.min_clients}) must be at least {rule.updates_min}: with these "
            f"settings {rule.name} needs as many updates.",
            field="min_clients",
        )
    if rule.updates_max is not None and options.requested_clients > rule.updates_max:
        raise InvalidInput(
            f"requested_clients ({options.requested_clients}) must be at most {rule.updates_max}: "
            f"{rule.name} takes no more updates.",
            field="requested_clients",
        )
    if rule.staleness_max and rule.updates_max is not None:
        _check_buffer(options, rule.updates_max - options.requested_clients)


def _check_buffer(options: SessionOptions, most: int) -> None:
    """Beside a full buffer there must be room for all that still train."""
    if options.round_buffer_size > most:
        raise InvalidInput(
            f"round_buffer_size ({options.round_buffer_size}) must be at most {most}: with these "
            f"requested_clients {options.aggregator} takes no more updates.",
            field="round_buffer_size",
        )


def _check_helper(options: SessionOptions, model: Document) -> None:
    if options.helper and options.helper != helper_of(model):
        raise InvalidInput(
            f"The helper is {options.helper!r}, and the model to begin with is a file of "
            f"{helper_of(model)!r}. Start with helper={helper_of(model)!r}, or with another model.",
            field="helper",
        )


def _check_package(package: Document | None, model: Document) -> None:
    """Whether clients that need a package can begin with the model."""
    if package is None:
        raise FailedPrecondition(
            "No compute package set, and a connected client needs one. Set one with "
            "APIClient.set_active_package(path, helper).",
            field="package",
        )
    if package["helper"] != helper_of(model):
        raise FailedPrecondition(
            f"The active package reads and writes files of {package['helper']!r}, and the model "
            f"to begin with is one of {helper_of(model)!r}. Set a model of the package's helper, "
            f"or a package with helper={helper_of(model)!r}.",
            field="helper",
        )


def _config(options: SessionOptions | PredictionOptions, helper: str) -> dict[str, Any]:
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


def _document(session: AnySession, options: SessionOptions | PredictionOptions) -> Document:
    name = options.name if isinstance(options, SessionOptions) else None
    return {
        "id": session.document_id,
        "session_id": session.session_id,
        "name": name or session.session_id,
        "task": TRAINING if isinstance(session, Session) else PREDICTION,
        "status": str(session.status),
        "reason": "",
        "session_config": [_config(options, session.helper)],
        "committed_at": timestamp(),
        "round_number": 0,
        "rounds_total": session.rounds,
        "model_id": session.model.id,
        "progress": session.progress,
        "state": session.to_dict(),
    }


def _blob_ref(document: Document) -> BlobRef:
    return BlobRef(document["id"], document["size_bytes"], document["sha256"])
