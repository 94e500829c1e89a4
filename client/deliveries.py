"""The thread that delivers kept answers to the combiner, repeatedly until each has its receipt."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from fednet.errors import (
    FailedPrecondition,
    FednetError,
    InvalidInput,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    TransferCorrupted,
)
from fednet.log_context import logged_as

from .connection import Connection
from .kept import Delivery
from .ledger import Ledger
from .measures import ClientMetrics
from .task_traces import TaskTraces
from .tasks import failure_of
from .transfer import Transfer

_log = logging.getLogger(__name__)
_OF_THE_FILE = (TransferCorrupted, InvalidInput, OSError)
_FINAL = (InvalidInput, LimitExceeded, FailedPrecondition)  # another attempt would fail, too


class Deliveries:
    """The deliveries of a ledger's answers, one at a time, while the agent works at the next task.

    Args:
        ledger: The ledger.
        connection: The connection to the combiner.
        transfer: Moves the updates.
        report: Writes a line into the network's log.
        name: The client's name, for the thread.
        metrics: The client's metrics.
        traces: Takes the spans of uploads.
    """

    def __init__(
        self,
        ledger: Ledger,
        connection: Connection,
        transfer: Transfer,
        report: Callable[[str], None],
        name: str,
        metrics: ClientMetrics,
        traces: TaskTraces,
    ) -> None:
        self._traces = traces
        self._metrics = metrics
        self._ledger = ledger
        self._connection = connection
        self._transfer = transfer
        self._report = report
        self._thread = threading.Thread(target=self._run, name=f"{name}-deliveries", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def close(self) -> None:
        """Wait until the thread has ended; close the ledger and the connection first."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while delivery := self._ledger.next_delivery():
            with self._logged_as(delivery.answer.task_id):
                self._try(delivery)

    def _logged_as(self, task_id: str) -> contextlib.AbstractContextManager[None]:
        """Let lines of the log belong to a task, and to its session if this process was offered it."""
        task = self._ledger.task_of(task_id)
        session, number = (task.session_id, task.round_number) if task else ("", 0)
        client = self._traces.client_id()
        return logged_as(session=session, round_number=number, task=task_id, client=client)

    def _try(self, delivery: Delivery) -> None:
        try:
            self._deliver(delivery)
        except Exception:  # noqa: BLE001  the thread outlives an error of ours, and tries again
            _log.exception("the answer to task %s was not delivered", delivery.answer.task_id)
            self._ledger.postponed(delivery)

    def _deliver(self, delivery: Delivery) -> None:
        if not delivery.is_checked and not self._ledger.is_whole(delivery):
            return
        try:
            seconds = self._upload(delivery)
        except NotFound as problem:
            # The combiner does not wait for this update; its receipt for the answer alone settles the task.
            if problem.field == "task_id":
                self._send(delivery, 0.0, is_whole=False)
            else:
                self._not_delivered(delivery, problem)
        except (FednetError, OSError) as problem:
            self._not_delivered(delivery, problem)
        else:
            self._send(delivery, seconds, is_whole=True)

    def _upload(self, delivery: Delivery) -> float:
        """Send an answer's update to the combiner, if it has one; return the duration in seconds."""
        began, task_id = time.monotonic(), delivery.answer.task_id
        if delivery.update:
            self._transfer.upload(
                self._ledger.update_path(task_id),
                task_id,
                digest=delivery.update,
                is_again=delivery.is_again,
            )
        return time.monotonic() - began

    def _send(self, delivery: Delivery, seconds: float, *, is_whole: bool) -> None:
        answer = delivery.answer
        if delivery.update:
            answer = replace(answer, upload_seconds=answer.upload_seconds + seconds)
            self._metrics.task_seconds.labels("upload").observe(seconds)
            if task := self._ledger.task_of(answer.task_id):
                now = time.time()
                self._traces.part(task, "upload", now - seconds, now)
        if self._ledger.sending(delivery, answer, is_whole=is_whole):
            self._connection.send_answer(answer, delivery.stream)

    def _not_delivered(self, delivery: Delivery, problem: FednetError | OSError) -> None:
        """Deliver later, unless the problem is permanent."""
        task_id = delivery.answer.task_id
        if self._connection.stopping.is_set() or not self._ledger.is_current(delivery):
            return
        if isinstance(problem, _OF_THE_FILE) and not self._ledger.is_whole(delivery):
            return
        if isinstance(problem, PermissionDenied):
            _log.warning("the answer to task %s is dropped: %s", task_id, problem)
            self._ledger.forget(delivery)
        elif isinstance(problem, _FINAL):
            self._ledger.replace(delivery, failure_of(task_id, problem))
        else:
            self._postpone(delivery, problem)

    def _postpone(self, delivery: Delivery, problem: FednetError | OSError) -> None:
        text = f"The update of task {delivery.answer.task_id} is delivered later: {problem}"
        _log.warning("%s", text)
        self._metrics.delivery_retries.inc()
        if not delivery.failures:
            self._report(text)
        self._ledger.postponed(delivery)
