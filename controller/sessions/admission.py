"""The admission of a session: everything is checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fednet import limits
from fednet.contract import PredictionOptions, SessionOptions
from fednet.errors import AlreadyExists, FailedPrecondition, InvalidInput, NotFound
from fednet.storage import Document, Query

from ..catalog import Catalog, with_file
from ..presence import Capabilities, Presence
from ..records import Records
from .consistency import check_consistency
from .first_document import first_document, is_started_with
from .machine.state import asked_kind


@dataclass(frozen=True)
class Admission:
    """The first document of a session, or an error that says why the session cannot start.

    Args:
        records: The documents.
        catalog: The models and packages.
        presence: The connected combiners and clients.
    """

    records: Records
    catalog: Catalog
    presence: Presence

    def known(self, options: SessionOptions | PredictionOptions) -> Document | None:
        """Return the session that was started with these options before; None if there is none.

        Raises:
            AlreadyExists: The id belongs to a session with other options.
        """
        known = self.records.lookup_natural("sessions", options.session_id or "")
        if known and not is_started_with(known, options):
            raise AlreadyExists(
                f"The id {options.session_id!r} belongs to a session with other options. "
                "Choose another id, or leave it out.",
                field="session_id",
            )
        return known

    def admit(self, options: SessionOptions | PredictionOptions) -> Document:
        """Return the document of a new session, to be inserted.

        Raises:
            FailedPrecondition: No model or no package is set, the model's file was deleted, too few clients are
                connected, or no combiner allows server functions.
            InvalidInput: An option is wrong; names it.
        """
        if isinstance(options, PredictionOptions):
            return self._admit_prediction(options)
        check_consistency(options)
        model = self._first_model(options)
        _check_helper(options, model)
        package = self._package()
        self._check_clients(options, model, package)
        self._check_functions(options)
        return first_document(options, model, package)

    def _admit_prediction(self, options: PredictionOptions) -> Document:
        model = self._first_model(options)
        package = self._package()
        self._check_predictors(model, package)
        return first_document(options, model, package)

    def _first_model(self, options: SessionOptions | PredictionOptions) -> Document:
        try:
            if options.model_id:
                return with_file(self.records.get("models", options.model_id))
            return with_file(self.catalog.active_model())
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
        kind = asked_kind(options)
        self._wait_for_newcomers(kind, options.min_clients)
        trainers = dict(self._capable(kind))
        if len(trainers) < options.min_clients:
            raise FailedPrecondition(
                f"Not enough clients available to start session: {len(trainers)} connected, "
                f"{options.min_clients} needed. Start more clients, or ask for fewer.",
                field="min_clients",
            )
        if any(trainer.needs_package for trainer in trainers.values()):
            _check_package(package, model, "train")

    def _check_functions(self, options: SessionOptions) -> None:
        """Check that some combiner allows server functions; wait a moment for combiners that are about to connect."""
        if options.server_functions is None:
            return
        registered = self.records.count("combiners")
        if not self.presence.wait_for_functions(registered, limits.joining_seconds_max):
            raise FailedPrecondition(
                "No connected combiner allows server functions. Set the setting server_functions of "
                "one to true, or start the session without them.",
                field="server_functions",
            )

    def _check_predictors(self, model: Document, package: Document | None) -> None:
        self._wait_for_newcomers("PREDICT", 1)
        package_predicts = package is not None and _does(package, "predict")
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
            _check_package(package, model, "predict")

    def _wait_for_newcomers(self, kind: str, count: int) -> None:
        """Wait a moment for clients that have registered and are about to connect."""
        registered = self.records.count("clients", Query(where={"status": ["available", "online"]}))
        if registered >= count:
            self.presence.wait_for_clients(kind, count, limits.joining_seconds_max)

    def _capable(self, kind: str) -> Iterator[tuple[str, Capabilities]]:
        for clients in self.presence.connected().values():
            yield from ((id_, each) for id_, each in clients.items() if kind in each.kinds)


def _check_helper(options: SessionOptions, model: Document) -> None:
    if options.helper and options.helper != model["helper"]:
        raise InvalidInput(
            f"The helper is {options.helper!r}, and the model to begin with is a file of "
            f"{model['helper']!r}. Start with helper={model['helper']!r}, or with another model.",
            field="helper",
        )


def _does(package: Document, task: str) -> bool:
    """Return True if a package has an entry point; documents of earlier versions do not say."""
    return task in package.get("tasks", [task])


def _check_package(package: Document | None, model: Document, task: str) -> None:
    """Check that clients which need a package can do the task with the model."""
    if package is None:
        raise FailedPrecondition(
            "No compute package set, and a connected client needs one. Set one with "
            "APIClient.set_active_package(path, helper).",
            field="package",
        )
    if not _does(package, task):
        raise FailedPrecondition(
            f"The active package has no entry point {task}, and a connected client needs it. Add it "
            "to the package's manifest, and set the package again.",
            field="package",
        )
    if package["helper"] != model["helper"]:
        raise FailedPrecondition(
            f"The active package reads and writes files of {package['helper']!r}, and the model "
            f"to begin with is one of {model['helper']!r}. Set a model of the package's helper, "
            f"or a package with helper={model['helper']!r}.",
            field="helper",
        )
