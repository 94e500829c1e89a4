"""A phase that runs here: feeds its state machine what happens, and carries out the instructions."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import dataclass
from typing import Any

from fednet.aggregation import Partial
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError
from fednet.wire import rounds_pb2, tasks_pb2

from . import round as rounds
from .answers import event_of, seconds_of
from .connections import Connections
from .folding import Folding
from .outbox import Outbox
from .partials import SharedPartials
from .spool import Spool
from .workers import Workers

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Means:
    """What all phases of a combiner share."""

    spool: Spool
    outbox: Outbox
    connections: Connections
    partials: SharedPartials
    workers: Workers


class RunningPhase:
    """One phase of this combiner. All methods belong to the event loop's thread.

    Args:
        request: What the controller asked.
        folding: What its updates are folded into; None where there is nothing to fold.
        began_at: When it began, in seconds since 1970.
        means: What it works with.

    Attributes:
        request: What the controller asked.
        folding: What its updates are folded into; None where there is nothing to fold.
        ended: Set once it has told how it ended, or was released: what it has folded changes no more.
    """

    def __init__(
        self, request: rounds_pb2.Phase, folding: Folding | None, began_at: float, means: Means
    ) -> None:
        self.request = request
        self.folding = folding
        self.ended = asyncio.Event()
        self._id = request.phase_id
        self._means = means
        self._began_at = began_at
        self._phase = rounds.Phase(self._id, request.clients, began_at + request.seconds_max)
        self._results: dict[str, tasks_pb2.TaskResult] = {}  # those that wait to be checked
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether answers may still come in."""
        return self._phase.state is rounds.PhaseState.OPEN

    def client_of(self, task_id: str) -> str | None:
        """Whose task it is; None for a task that is not of this phase."""
        return self._phase.client_of(task_id)

    def waits_for(self, task_id: str) -> bool:
        """Whether the task has no answer yet, and still may have one."""
        return self._phase.waits_for(task_id, time.time())

    def context(self) -> rounds_pb2.PhaseContext:
        """What an event of this phase belongs to."""
        return rounds_pb2.PhaseContext(
            phase_id=self._id,
            session_id=self.request.session_id,
            round_id=self.request.round_id,
            round_number=self.request.round_number,
            model_id=self.request.model.id,
            kind=self.request.kind,
        )

    # What happens

    def begin(self) -> None:
        """Take up what the spool holds of an earlier process, then give the clients their tasks."""
        self._replay()
        for client in self.request.clients:
            if client in self._means.connections:
                self.feed(rounds.Joined(client))
        self._look_at_the_clock()

    def answered(self, result: tasks_pb2.TaskResult) -> None:
        """A client has answered one of the tasks.

        Raises:
            Unavailable: The spool cannot keep the answer now.
        """
        now = time.time()
        if self._phase.waits_for(result.task_id, now):
            self._means.spool.keep_result(self._id, result)
        self._answered(result, now)

    def feed(self, event: rounds.Event, now: float | None = None) -> None:
        """Something has happened, now or then."""
        was_open = self.is_open
        instructions = self._phase.handle(event, time.time() if now is None else now)
        if was_open and not self.is_open:
            self._keep_closed()
        for instruction in instructions:
            self._carry_out(instruction)

    def release(self) -> None:
        """Nothing of it is needed any more."""
        self.stop()
        is_finishing = self._phase.state is rounds.PhaseState.CLOSED
        self.feed(rounds.Released())
        if not is_finishing:
            self.ended.set()

    def stop(self) -> None:
        """Look at the clock no more, and wait for no store."""
        self._stopped.set()
        if self._timer:
            self._timer.cancel()

    # What follows

    def _replay(self) -> None:
        """Answer again what was answered before a restart: what lies in the spool came in time."""
        for result in self._means.spool.results(self._id):
            if self.client_of(result.task_id):
                self._answered(result, self._began_at)
        if self._means.spool.is_closed(self._id):
            self.feed(rounds.CloseAsked(), self._began_at)

    def _answered(self, result: tasks_pb2.TaskResult, now: float) -> None:
        event = event_of(self.request.kind, result)
        counts = self._phase.waits_for(result.task_id, now)
        if counts and isinstance(event, rounds.ResultArrived):
            self._results[result.task_id] = result
        self.feed(event, now)

    def _look_at_the_clock(self) -> None:
        """Close if it is time, else look again then; the loop's clock is another than ours."""
        self.feed(rounds.TimePassed())
        if self.is_open:
            seconds = max(0.0, self._phase.deadline - time.time())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._look_at_the_clock)

    def _keep_closed(self) -> None:
        try:
            self._means.spool.close(self._id)
        except FednetError as error:  # no reason to stop: it matters only if this process dies now
            _log.warning("phase %s would begin again after a crash: %s", self._id, error)

    def _carry_out(self, instruction: rounds.Instruction) -> None:
        send = self._means.connections.send
        match instruction:
            case rounds.Send(client, task):
                send(client, task=self._task_message(task))
                self._means.outbox.offer(**self._about(client, task), task_sent={})
            case rounds.Cancel(client, task):
                send(client, cancel={"task_id": task})
            case rounds.Receipt(client, task, accepted, reason):
                send(client, receipt={"task_id": task, "accepted": accepted, "reason": reason})
            case rounds.Check(client, task):
                self._means.workers.spawn(self._check(client, task))
            case rounds.Report(client, task, why, message, traceback):
                unanswered = {"why": str(why), "message": message, "traceback": traceback}
                self._means.outbox.put(**self._about(client, task), unanswered=unanswered)
            case rounds.Finish(answers, weight):
                self._means.workers.spawn(self._finish(answers, weight))

    async def _check(self, client: str, task_id: str) -> None:
        result = self._results.pop(task_id)
        if self.folding is None:
            self._hand_over(client, result)
            return
        path = self._means.spool.update_path(self._id, task_id)
        examples = result.update.num_examples if result.update.HasField("num_examples") else None
        metadata = {**json.loads(result.update.metadata_json or "{}"), "client_id": client}
        began = time.monotonic()
        try:
            weight = await self._means.workers.run(self.folding.fold, path, examples, metadata)
        except FednetError as error:
            self.feed(rounds.Refused(task_id, error.message))
        else:
            self._folded(client, result, weight, time.monotonic() - began)

    def _folded(
        self, client: str, result: tasks_pb2.TaskResult, weight: float, seconds: float
    ) -> None:
        if self._phase.task_state(result.task_id) is not rounds.TaskState.CHECKING:
            return  # released meanwhile
        update_folded = rounds_pb2.UpdateFolded(
            num_examples=weight,
            metadata_json=result.update.metadata_json,
            download_seconds=seconds_of(result.download_seconds),
            train_seconds=seconds_of(result.work_seconds),
            upload_seconds=seconds_of(result.upload_seconds),
            fold_seconds=seconds,
        )
        about = self._about(client, result.task_id)
        self._means.outbox.put(**about, update_folded=update_folded)
        self.feed(rounds.Folded(result.task_id, weight))

    def _hand_over(self, client: str, result: tasks_pb2.TaskResult) -> None:
        """Hand metrics or predictions to the controller; the client gets its receipt once they are stored there."""
        reported: dict[str, Any] = {"validation": {"metrics_json": result.validation.metrics_json}}
        if self.request.kind == tasks_pb2.PREDICT:
            reported = {"prediction": {"result_json": result.prediction.result_json}}
        self._means.outbox.put(
            **self._about(client, result.task_id),
            **reported,
            stored=lambda: self.feed(rounds.Folded(result.task_id)),
        )

    async def _finish(self, answers: int, weight: float) -> None:
        failure = ""
        if self.folding and answers and self.request.share_partial:
            failure = await self._share(self.folding.partial)
        closed = rounds_pb2.PhaseClosed(answers=answers, weight=weight, failure=failure)
        self._means.outbox.put(phase=self.context(), phase_closed=closed)
        self.ended.set()

    async def _share(self, partial: Partial) -> str:
        """Put what was folded into the blob store, which may be away for a while; why it is not there."""
        failures = 0
        while True:
            try:
                await self._means.workers.run(self._means.partials.share, self._id, partial)
            except FednetError as error:
                failures += 1
                if not error.retryable or not await self._may_try_again(failures):
                    return error.message
                _log.warning("phase %s waits for the blob store: %s", self._id, error)
            else:
                return ""

    async def _may_try_again(self, failures: int) -> bool:
        """Pause, but not beyond the deadline; whether another attempt is worth it."""
        seconds = min(backoff_seconds(failures), self._phase.deadline - time.time())
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)
        return seconds > 0 and not self._stopped.is_set()

    def _about(self, client: str, task: str) -> dict[str, Any]:
        return {"phase": self.context(), "client_id": client, "task_id": task}

    def _task_message(self, task_id: str) -> tasks_pb2.Task:
        task = tasks_pb2.Task(
            task_id=task_id,
            kind=self.request.kind,
            session_id=self.request.session_id,
            round_id=self.request.round_id,
            round_number=self.request.round_number,
            model=self.request.model,
            helper=self.request.helper,
            settings_json=self.request.settings_json,
        )
        if self.request.HasField("package"):
            task.package.CopyFrom(self.request.package)
        return task
