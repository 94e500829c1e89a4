"""The table from kind of task to handler; a handler checks an answer before it counts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from fednet.digests import Digest
from fednet.errors import FednetError, InvalidInput
from fednet.parameters import model_format

from ..machine.aggregators import aggregator_of
from ..machine.answers import Answer, Exchange, Outcome, Prediction, Update, Validation
from ..machine.assignment import Assignment
from ..machine.events import Counted, Damaged, Refused
from ..machine.news import (
    ExchangeReported,
    Happening,
    PredictionReported,
    UpdateFolded,
    ValidationReported,
)
from ..machine.values import TaskKind
from ..measures import CombinerMetrics
from .folding import Folding, structure_of
from .masked_updates import masked_folding
from .private_updates import PrivateUpdates
from .spool import Spool
from .update_format import UpdateFormat
from .workers import Workers

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ToCheck:
    """An answer to be checked, with the means of its check.

    Args:
        is_whole: This process has checked the update when it came.
        update: The size and the digest of an update that came to an earlier process; None if none came.
    """

    phase_id: str
    client: str
    answer: Answer
    is_whole: bool
    update: Digest | None
    folding: Folding | None
    spool: Spool
    workers: Workers
    metrics: CombinerMetrics

    @property
    def path(self) -> Path:
        """The place of the answer's update."""
        return self.spool.update_path(self.phase_id, self.answer.task_id)


@dataclass(frozen=True)
class HandedOver:
    """A checked answer for the controller: it counts once the controller has stored this news."""

    happening: Happening


Checked: TypeAlias = Counted | Refused | Damaged | HandedOver


class Handler(Protocol):
    """One way to deal with the answers of a phase."""

    def prepare(self, assignment: Assignment, model: Path | None) -> Folding | None:
        """Make the partial that answers are folded into, in a worker thread; None if nothing is folded."""

    async def check(self, item: ToCheck) -> Checked:
        """Check an answer."""


class Fold:
    """The handler that folds updates into a partial."""

    def prepare(self, assignment: Assignment, model: Path | None) -> Folding:
        """Make the partial of a phase."""
        if model is None:
            raise InvalidInput("A phase that trains needs a model.", field="model")
        if assignment.secure:
            return masked_folding(assignment.kind, assignment.secure, assignment.helper, model)
        form = model_format(assignment.helper)
        structure = structure_of(model, form)
        updates = UpdateFormat.of(assignment, model)
        terms = assignment.privacy
        private = PrivateUpdates.of(model, form, terms) if terms else None
        return Folding(
            aggregator_of(assignment), structure, updates, assignment.examples_max, private
        )

    async def check(self, item: ToCheck) -> Counted | Refused | Damaged:
        """Check an update and fold it; one that an earlier process received is compared with its digest first."""
        began = time.monotonic()
        try:
            if not item.is_whole and not await item.workers.run(_is_undamaged, item):
                return Damaged(item.answer.task_id)
            weight = await item.workers.run(_folded, item)
        except FednetError as error:
            return Refused(item.answer.task_id, error.message)
        folded = _news(item, weight, time.monotonic() - began)
        return Counted(item.answer.task_id, weight, folded)


class HandOver:
    """The handler that hands answers to the controller.

    Args:
        happening_of: Makes the news of an answer's outcome.
    """

    def __init__(self, happening_of: Callable[[Outcome], Happening]) -> None:
        self._happening_of = happening_of

    def prepare(self, _assignment: Assignment, _model: Path | None) -> None:
        """Prepare nothing: nothing is folded."""

    async def check(self, item: ToCheck) -> HandedOver:
        """Hand an answer over; the border has checked it."""
        return HandedOver(self._happening_of(item.answer.outcome))


def _folded(item: ToCheck) -> float:
    update = item.answer.outcome
    assert isinstance(update, Update), "the border lets no other answer to this task in"
    assert item.folding is not None, "so was the phase prepared"
    metadata = {**update.metadata.value, "client_id": item.client}
    size_bytes, began = item.path.stat().st_size if item.path.exists() else 0, time.monotonic()
    weight = item.folding.fold(item.path, update.num_examples, metadata)
    item.metrics.fold_seconds.observe(time.monotonic() - began)
    item.metrics.folded_bytes.inc(size_bytes)
    return weight


def _is_undamaged(item: ToCheck) -> bool:
    """Compare an update with its digest; delete a damaged one, so that it is asked for again."""
    task_id = item.answer.task_id
    path = item.path
    if path.exists() and item.update and item.update.is_of_file(path):
        return True
    if not path.exists() and not item.update:
        return True  # it never came: folding says so
    _log.warning("the update %s is damaged: it is deleted, and its client is asked again", path)
    item.spool.forget_update(item.phase_id, task_id)
    return False


def _news(item: ToCheck, weight: float, fold_seconds: float) -> UpdateFolded:
    """Return the news of a folded update; where all count alike, nobody is told what its client says of it."""
    answer, update = item.answer, item.answer.outcome
    counts_alike = item.folding is not None and item.folding.counts_alike
    return UpdateFolded(
        num_examples=weight,
        metadata_json=update.metadata.text
        if isinstance(update, Update) and not counts_alike
        else "",
        download_seconds=answer.download_seconds,
        train_seconds=answer.work_seconds,
        upload_seconds=answer.upload_seconds,
        fold_seconds=fold_seconds,
    )


def _validation(outcome: Outcome) -> ValidationReported:
    assert isinstance(outcome, Validation), "the border lets no other answer to this task in"
    return ValidationReported(outcome.metrics.text)


def _prediction(outcome: Outcome) -> PredictionReported:
    assert isinstance(outcome, Prediction), "the border lets no other answer to this task in"
    return PredictionReported(outcome.result.text)


def _exchange(outcome: Outcome) -> ExchangeReported:
    assert isinstance(outcome, Exchange), "the border lets no other answer to this task in"
    return ExchangeReported(outcome.value_json.text, outcome.value)


HANDLERS: Final[Mapping[TaskKind, Handler]] = {
    TaskKind.TRAIN: Fold(),
    TaskKind.TRAIN_PRIVATELY: Fold(),
    TaskKind.VALIDATE: HandOver(_validation),
    TaskKind.PREDICT: HandOver(_prediction),
    TaskKind.EXCHANGE: HandOver(_exchange),
    TaskKind.EXCHANGE_SECURELY: HandOver(_exchange),
    TaskKind.TRAIN_MASKED: Fold(),
    TaskKind.SUM_MASKS: Fold(),
}
