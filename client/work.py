"""The work at one task: from the task to its answer, also after errors."""

from __future__ import annotations

import errno
import logging
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fednet.errors import FednetError, TaskFailed
from fednet.host import storable_answer
from fednet.log_context import logged_as
from fednet.parameters import model_format

from .encoding import encode_update
from .files import Files
from .ledger import Ledger
from .measures import KINDS, ClientMetrics
from .notes import TaskNotes
from .policy.gate import Gate
from .privacy import private_update
from .reporting import Report, reported
from .runtime import Runtime
from .runtimes import Runtimes
from .secure import SecureAggregation
from .task_traces import TaskTraces
from .tasks import Answer, Failure, Outcome, Prediction, Task, Update, Validation, failure_of
from .warrants import Warrants

_log = logging.getLogger(__name__)
_NO_SPACE = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
}  # the last: the process may not write a larger file
_WITHOUT_CODE = {"EXCHANGE_SECURELY", "SUM_MASKS"}


class Work:
    """The work at tasks, one at a time, in the caller's thread.

    Args:
        folder: The client's folder, for the log.
        ledger: Has the paths of updates, and knows if a task is still wanted.
        notes: Keeps a note of the task in work.
        warrants: Refuse a task that the controller has not signed.
        files: The models.
        gate: Lets only tasks pass that the site's policy allows.
        runtimes: Run the client's code.
        secure: The client's part in secure aggregation.
        report: Called with a line for the network's log.
        failures: The part of a failure that leaves the site.
        metrics: The client's metrics.
        traces: Takes the spans.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        notes: TaskNotes,
        warrants: Warrants,
        files: Files,
        gate: Gate,
        runtimes: Runtimes,
        secure: SecureAggregation,
        report: Callable[[str], None],
        failures: Report,
        metrics: ClientMetrics,
        traces: TaskTraces,
    ) -> None:
        self._failures = failures
        self._traces = traces
        self._metrics = metrics
        self._folder = folder
        self._ledger = ledger
        self._notes = notes
        self._warrants = warrants
        self._files = files
        self._gate = gate
        self._runtimes = runtimes
        self._secure = secure
        self._report = report

    def do(self, task: Task) -> None:
        """Work at a task and keep the answer; an error is an answer, too."""
        with logged_as(session=task.session_id, round_number=task.round_number, task=task.id):
            self._do(task)

    def _do(self, task: Task) -> None:
        began = time.time()
        answer = reported(self._answer(task), self._failures)
        try:
            self._ledger.keep(answer)
        except OSError as error:
            answer = reported(self._failed(task, error), self._failures)
            self._ledger.keep(answer)
        self._count(task, answer)
        problem = answer.outcome.message if isinstance(answer.outcome, Failure) else ""
        self._traces.told(task, began, time.time(), problem)
        _log.info(
            "task %s (%s, round %s of session %s) has ended after %.1f s: %s",
            task.id,
            task.kind,
            task.round_number,
            task.session_id,
            answer.work_seconds,
            _in_words(answer.outcome),
        )

    def _count(self, task: Task, answer: Answer) -> None:
        metrics, kind = self._metrics, task.kind if task.kind in KINDS else "other"
        if isinstance(answer.outcome, Failure):
            metrics.tasks.labels(kind, "failed").inc()
            return
        metrics.tasks.labels(kind, "answered").inc()
        metrics.task_seconds.labels("download").observe(answer.download_seconds)
        metrics.task_seconds.labels("work").observe(answer.work_seconds)

    def _answer(self, task: Task) -> Answer:
        try:
            with self._notes.working_at(task.id):
                return self._timed(task)
        except (FednetError, OSError) as error:
            return self._failed(task, error)
        except Exception as error:  # noqa: BLE001  the agent outlives any error of a task
            _log.exception("the task %s failed with an unexpected error", task.id)
            return failure_of(task.id, error, traceback.format_exc())

    def _failed(self, task: Task, error: FednetError | OSError) -> Answer:
        if _is_full_disk(error):
            _log.error(
                "the task %s failed because the disk of %s is full: make room on it",
                task.id,
                self._folder,
            )
        return failure_of(task.id, error)

    def _timed(self, task: Task) -> Answer:
        self._warrants.check(task)
        with self._runtimes.running(task.id):
            self._gate.admit(task)
            return self._by_itself(task) if task.kind in _WITHOUT_CODE else self._by_code(task)

    def _by_itself(self, task: Task) -> Answer:
        """Answer a task for which the client's code is not needed."""
        began = time.monotonic()
        model = self._model(task) if task.kind == "SUM_MASKS" else None
        fetched = time.monotonic()
        outcome = (
            self._secure.sum_masks(self._ledger.update_path(task.id), model, task)
            if model
            else self._secure.answer(task)
        )
        return Answer(task.id, outcome, fetched - began, time.monotonic() - fetched)

    def _by_code(self, task: Task) -> Answer:
        began = time.monotonic()
        model = self._model(task)
        runtime = self._runtimes.for_task(task)
        fetched = time.monotonic()
        with self._gate.guarding(task):
            self._check_wanted()
            self._runtimes.await_ready()
            self._check_wanted()
            ready = time.monotonic()
            outcome = self._run(runtime, task, model)
        seconds, now = time.monotonic() - ready, time.time()
        since = now - (time.monotonic() - began)
        self._traces.part(task, "download", since, since + fetched - began)
        self._traces.part(task, task.kind.lower(), now - seconds, now)
        return Answer(task.id, outcome, fetched - began, seconds)

    def _model(self, task: Task) -> Path:
        if task.model is None:
            raise TaskFailed(f"The task has no model, and its kind {task.kind} needs one.")
        return self._files.model(task.model, model_format(task.helper).suffix)

    def _check_wanted(self) -> None:
        if not self._ledger.is_wanted():
            raise TaskFailed("The task was cancelled.")

    def _run(self, runtime: Runtime, task: Task, model: Path) -> Outcome:
        settings = dict(task.settings)
        match task.kind:
            case "TRAIN":
                update = self._ledger.update_path(task.id)
                metadata = self._storable(runtime.train(model, update, settings, task.helper))
                encode_update(update, model, task)
                return Update(metadata.pop("num_examples"), metadata)
            case "TRAIN_PRIVATELY":
                update = self._ledger.update_path(task.id)
                self._storable(runtime.train(model, update, settings, task.helper))
                private = private_update(update, model, task)
                encode_update(update, model, task)
                return private
            case "TRAIN_MASKED":
                masks = self._secure.masks(task)  # before the training, which would be in vain
                update = self._ledger.update_path(task.id)
                trained = self._storable(runtime.train(model, update, settings, task.helper))
                return self._secure.mask(update, model, task, trained["num_examples"], masks)
            case "VALIDATE":
                return Validation(self._storable(runtime.validate(model, settings, task.helper)))
            case "PREDICT":
                return Prediction(self._storable(runtime.predict(model, settings, task.helper)))
            case kind:
                raise TaskFailed(
                    f"This client does not support tasks of kind {kind}: upgrade fednet at this site."
                )

    def _storable(self, answer: dict[str, Any]) -> dict[str, Any]:
        return storable_answer(answer, self._report)


def _in_words(outcome: Outcome) -> str:
    kind = type(outcome).__name__.lower()
    return f"{kind}: {outcome.message}" if isinstance(outcome, Failure) else kind


def _is_full_disk(error: BaseException | None) -> bool:
    """Return True if an error or one of its causes is a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_SPACE:
            return True
        error = error.__cause__
    return False
