"""The thin runner around the pure phases: carries out their instructions and feeds them what happens.

Everything here belongs to the event loop's thread, except what is handed to the worker threads: files and numbers.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.aggregation import Aggregator, Partial, aggregator
from fednet.errors import FednetError, InvalidInput, LimitExceeded, NotFound, PermissionDenied
from fednet.rpc import sha256_of
from fednet.storage import Blobs
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

from . import round as rounds
from .blobs import LocalBlobs, blob_key
from .folding import Folding, structure_of, write_mean
from .outbox import Outbox
from .spool import Spool

_log = logging.getLogger(__name__)


@dataclass
class Connection:
    """One client's open stream: what it can do, and what waits to be sent to it."""

    client_id: str
    hello: tasks_pb2.Hello
    outgoing: asyncio.Queue[tasks_pb2.CombinerMessage | None] = field(
        default_factory=lambda: asyncio.Queue(limits.queue_messages_max)
    )

    def send(self, **message: Any) -> None:
        """Queue a message; a client that does not read is cut off and begins anew."""
        try:
            self.outgoing.put_nowait(tasks_pb2.CombinerMessage(**message))
        except asyncio.QueueFull:
            self.close()

    def close(self) -> None:
        """End the stream; what was not sent is sent again on the next one."""
        while not self.outgoing.empty():
            self.outgoing.get_nowait()
        self.outgoing.put_nowait(None)

    def capabilities(self) -> rounds_pb2.Capabilities:
        """What the controller is told of it."""
        return rounds_pb2.Capabilities(
            needs_package=self.hello.needs_package, kinds=self.hello.kinds
        )


@dataclass
class _Running:
    request: rounds_pb2.Phase
    phase: rounds.Phase
    folding: Folding | None
    timer: asyncio.TimerHandle | None = None
    results: dict[str, tasks_pb2.TaskResult] = field(default_factory=dict)

    def blobs(self) -> list[common_pb2.BlobRef]:
        package = [self.request.package] if self.request.HasField("package") else []
        return [self.request.model, *package]

    def tell(self, outbox: Outbox, client: str = "", task: str = "", **event: Any) -> None:
        """Tell the controller something of this phase."""
        context = rounds_pb2.PhaseContext(
            phase_id=self.request.phase_id,
            session_id=self.request.session_id,
            round_id=self.request.round_id,
            round_number=self.request.round_number,
            model_id=self.request.model.id,
            kind=self.request.kind,
        )
        outbox.put(phase=context, client_id=client, task_id=task, **event)


class Runner:
    """All phases and all connections of one combiner.

    Args:
        name: The combiner's name.
        spool: Its files.
        store: The blob store of the network.
        clients_max: How many clients may be connected at once.
    """

    def __init__(self, name: str, spool: Spool, store: Blobs, clients_max: int) -> None:
        self.name = name
        self.outbox = Outbox()
        self.local = LocalBlobs(store, spool)
        self._spool = spool
        self._clients_max = clients_max
        self._phases: dict[str, _Running] = {}
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._connections: dict[str, Connection] = {}
        self._workers = ThreadPoolExecutor(2, thread_name_prefix=f"{name}-worker")
        self._background: set[asyncio.Task[None]] = set()

    # The life of the runner

    async def recover(self) -> None:
        """Take up the phases of an earlier process where it left them."""
        for request, began_at in list(self._spool.phases()):
            _log.info("phase %s is taken up from the spool", request.phase_id)
            await self._open(request, began_at)

    async def close(self) -> None:
        """Stop; what is in the spool stays for the next process."""
        for running in self._phases.values():
            if running.timer:
                running.timer.cancel()
        for connection in self._connections.values():
            connection.close()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._workers.shutdown()

    async def in_worker(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run something that blocks outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)

    # What the controller asks

    def snapshot(self) -> rounds_pb2.Event:
        """Everything that a controller has to know when it begins to watch."""
        snapshot = rounds_pb2.Snapshot(
            epoch=self.outbox.epoch,
            clients={each.client_id: each.capabilities() for each in self._connections.values()},
            phases=list(self._phases),
        )
        return rounds_pb2.Event(happened_at=time.time(), snapshot=snapshot)

    async def start(self, request: rounds_pb2.Phase) -> None:
        """Begin a phase; nothing happens if it has begun already.

        Raises:
            InvalidInput: The request makes no sense.
            NotFound: The blob store does not have the model or the package.
            LimitExceeded: Too much news waits for the controller.
        """
        if request.phase_id in self._phases:
            return
        self.outbox.check_room(3 * len(request.clients))
        if request.phase_id not in self._starting:
            opening = asyncio.create_task(self._begin(request))
            self._starting[request.phase_id] = opening
            opening.add_done_callback(lambda _: self._starting.pop(request.phase_id))
        await asyncio.shield(self._starting[request.phase_id])

    async def _begin(self, request: rounds_pb2.Phase) -> None:
        self._spool.begin(request)
        try:
            await self._open(request, time.time())
        except FednetError:
            self._spool.release(request.phase_id)
            raise

    def finish_early(self, phase_id: str) -> None:
        """Close a phase with what is in.

        Raises:
            NotFound: There is no such phase here.
        """
        if phase_id not in self._phases:
            raise NotFound(f"The phase {phase_id!r} is not here.", field="phase_id")
        self._feed(self._phases[phase_id], rounds.CloseAsked())

    def release(self, phase_id: str) -> None:
        """Forget a phase and all that it spooled; nothing happens if it is not here."""
        running = self._phases.pop(phase_id, None)
        if running is None:
            return
        if running.timer:
            running.timer.cancel()
        for client in running.request.clients:
            task_id = rounds.task_id_of(phase_id, client)
            if running.phase.task_state(task_id) is rounds.TaskState.OPEN:
                self._send(client, cancel=tasks_pb2.CancelTask(task_id=task_id))
        for ref in running.blobs():
            self.local.release(ref)
        self._spool.release(phase_id)

    async def reduce(self, request: rounds_pb2.Reduction) -> rounds_pb2.Reduced:
        """Merge the partials of a round and write the new model; the same again if it is there already.

        Raises:
            NotFound: A partial is neither here nor in the blob store.
        """
        began = time.monotonic()
        ref = await self.in_worker(self._reduce, request)
        return rounds_pb2.Reduced(model=ref, seconds=time.monotonic() - began)

    def _reduce(self, request: rounds_pb2.Reduction) -> common_pb2.BlobRef:
        ref = common_pb2.BlobRef(kind=common_pb2.BlobRef.MODEL, id=request.model_id)
        if self.local.store.size(blob_key(ref)) is None:
            self._write_model(request, blob_key(ref))
        scratch = self._spool.scratch()
        path = self.local.store.local_path(blob_key(ref)) or _copy(
            self.local.store, blob_key(ref), scratch
        )
        ref.size_bytes, ref.sha256 = path.stat().st_size, sha256_of(path)
        scratch.unlink(missing_ok=True)
        return ref

    def _write_model(self, request: rounds_pb2.Reduction, key: str) -> None:
        kind = _aggregator(request.aggregator, request.aggregator_settings_json)
        base = self.local.acquire(request.base)
        scratch = self._spool.scratch()
        try:
            structure = structure_of(base)
            ordered = sorted(request.partials, key=lambda partial: partial.combiner)
            partials = (self._partial(kind, structure, partial) for partial in ordered)
            write_mean(kind, structure, partials, scratch)
            self.local.store.put_file(key, scratch)
        finally:
            self.local.release(request.base)
            scratch.unlink(missing_ok=True)

    def _partial(self, kind: Aggregator, structure: Any, partial: rounds_pb2.Partial) -> Partial:
        running = self._phases.get(partial.phase_id)
        if partial.combiner == self.name and running and running.folding:
            return running.folding.partial
        key = partial_key(partial.phase_id, partial.combiner)
        scratch = self._spool.scratch()
        try:
            path = self.local.store.local_path(key) or _copy(self.local.store, key, scratch)
            return kind.load(path, structure)
        finally:
            scratch.unlink(missing_ok=True)

    # What clients say

    def connect(self, client_id: str, hello: tasks_pb2.Hello) -> Connection:
        """A client's stream is open; an older one of the same client ends.

        Raises:
            LimitExceeded: As many clients as are allowed are connected.
        """
        if client_id not in self._connections and len(self._connections) >= self._clients_max:
            raise LimitExceeded(f"This combiner serves {self._clients_max} clients; try another.")
        if older := self._connections.pop(client_id, None):
            older.close()
        connection = self._connections[client_id] = Connection(client_id, hello)
        connection.send(welcome=tasks_pb2.Welcome(combiner=self.name))
        self.outbox.mention(client_id=client_id, client_joined=connection.capabilities())
        for running in list(self._phases.values()):
            self._feed(running, rounds.Joined(client_id))
        return connection

    def disconnect(self, connection: Connection) -> None:
        """A client's stream broke."""
        if self._connections.get(connection.client_id) is not connection:
            return
        del self._connections[connection.client_id]
        self.outbox.mention(client_id=connection.client_id, client_left=rounds_pb2.ClientLeft())
        for running in list(self._phases.values()):
            self._feed(running, rounds.Left(connection.client_id))

    def result(self, client_id: str, result: tasks_pb2.TaskResult) -> None:
        """A client's answer to a task; one that nobody waits for is receipted, so that it is forgotten."""
        running = self._phase_of_task(client_id, result.task_id)
        if running is None:
            reason = "No running round waits for this task."
            receipt = tasks_pb2.ResultReceipt(task_id=result.task_id, reason=reason)
            self._send(client_id, receipt=receipt)
        elif result.WhichOneof("outcome") == "failure":
            message, traceback = result.failure.message, result.failure.traceback
            self._feed(running, rounds.Failed(result.task_id, message, traceback))
        else:
            self._answered(running, result)

    def _answered(self, running: _Running, result: tasks_pb2.TaskResult) -> None:
        if running.phase.task_state(result.task_id) is rounds.TaskState.OPEN:
            running.results[result.task_id] = result
            if result.WhichOneof("outcome") == "update":
                self._spool.keep_result(running.request.phase_id, result)
        self._feed(running, rounds.ResultArrived(result.task_id))

    def log(self, client_id: str, record: tasks_pb2.LogRecord) -> None:
        """A client's log record, for the controller."""
        self.outbox.put(client_id=client_id, task_id=record.task_id, log=record)

    def upload_path(self, client_id: str, task_id: str) -> Path:
        """Where a client may put the update of its task.

        Raises:
            NotFound: No running phase waits for it.
        """
        running = self._phase_of_task(client_id, task_id)
        if running is None:
            raise NotFound(f"No running round waits for the task {task_id!r}.", field="task_id")
        return self._spool.update_path(running.request.phase_id, task_id)

    def _phase_of_task(self, client_id: str, task_id: str) -> _Running | None:
        for running in self._phases.values():
            if owner := running.phase.client_of(task_id):
                if owner != client_id:
                    raise PermissionDenied("The task belongs to another client.", field="task_id")
                return running
        return None

    # Phases

    async def _open(self, request: rounds_pb2.Phase, began_at: float) -> None:
        training = request.kind == tasks_pb2.TRAIN
        folding = await self.in_worker(self._prepare, request) if training else None
        if not training:
            await self.in_worker(self._acquire, request)
        deadline = began_at + request.seconds_max
        running = _Running(
            request, rounds.Phase(request.phase_id, request.clients, deadline), folding
        )
        self._phases[request.phase_id] = running
        delay = max(0.0, deadline - time.time())
        running.timer = asyncio.get_running_loop().call_later(delay, self._time_passed, running)
        self._replay(running)
        for client in request.clients:
            if client in self._connections:
                self._feed(running, rounds.Joined(client))
        self._feed(running, rounds.TimePassed())

    def _acquire(self, request: rounds_pb2.Phase) -> Path:
        if request.HasField("package"):
            self.local.acquire(request.package)
        return self.local.acquire(request.model)

    def _prepare(self, request: rounds_pb2.Phase) -> Folding:
        kind = _aggregator(request.aggregator, request.aggregator_settings_json)
        return Folding(kind, structure_of(self._acquire(request)))

    def _replay(self, running: _Running) -> None:
        for client in running.request.clients:
            task_id = rounds.task_id_of(running.request.phase_id, client)
            if result := self._spool.result(running.request.phase_id, task_id):
                running.results[task_id] = result
                self._feed(running, rounds.ResultArrived(task_id))

    def _time_passed(self, running: _Running) -> None:
        self._feed(running, rounds.TimePassed())

    def _feed(self, running: _Running, event: rounds.Event) -> None:
        for instruction in running.phase.handle(event, time.time()):
            self._carry_out(running, instruction)

    def _carry_out(self, running: _Running, instruction: rounds.Instruction) -> None:
        match instruction:
            case rounds.Send(client, task):
                self._send(client, task=_task_message(running.request, task))
                running.tell(self.outbox, client, task, task_sent=rounds_pb2.TaskSent())
            case rounds.Cancel(client, task):
                self._send(client, cancel=tasks_pb2.CancelTask(task_id=task))
            case rounds.Receipt(client, task, accepted, reason):
                receipt = tasks_pb2.ResultReceipt(task_id=task, accepted=accepted, reason=reason)
                self._send(client, receipt=receipt)
            case rounds.Check(client, task):
                self._spawn(self._check(running, client, task))
            case rounds.Report(client, task, why, message, traceback):
                unanswered = rounds_pb2.TaskUnanswered(
                    why=str(why), message=message, traceback=traceback
                )
                running.tell(self.outbox, client, task, unanswered=unanswered)
            case rounds.Finish(answers, weight):
                self._spawn(self._finish(running, answers, weight))

    async def _check(self, running: _Running, client: str, task_id: str) -> None:
        result = running.results.pop(task_id)
        if running.folding is None:
            self._report_validation(running, client, result)
            return
        path = self._spool.update_path(running.request.phase_id, task_id)
        weight = result.update.num_examples if result.update.HasField("num_examples") else None
        began = time.monotonic()
        try:
            folded = await self.in_worker(running.folding.fold, path, weight)
        except (FednetError, OSError) as error:
            self._feed(running, rounds.Refused(task_id, str(error)))
            return
        update_folded = rounds_pb2.UpdateFolded(
            num_examples=folded,
            metadata_json=result.update.metadata_json,
            download_seconds=result.download_seconds,
            train_seconds=result.work_seconds,
            upload_seconds=result.upload_seconds,
            fold_seconds=time.monotonic() - began,
        )
        running.tell(self.outbox, client, task_id, update_folded=update_folded)
        self._feed(running, rounds.Folded(task_id, folded))

    def _report_validation(
        self, running: _Running, client: str, result: tasks_pb2.TaskResult
    ) -> None:
        """Hand metrics to the controller; the client gets its receipt once they are stored there."""
        running.tell(
            self.outbox,
            client,
            result.task_id,
            stored=lambda: self._feed(running, rounds.Folded(result.task_id)),
            validation=rounds_pb2.ValidationReported(metrics_json=result.validation.metrics_json),
        )

    async def _finish(self, running: _Running, answers: int, weight: float) -> None:
        request = running.request
        failure = ""
        if running.folding and answers and request.share_partial:
            try:
                await self.in_worker(self._share, request.phase_id, running.folding.partial)
            except FednetError as error:
                failure = error.message
        closed = rounds_pb2.PhaseClosed(answers=answers, weight=weight, failure=failure)
        running.tell(self.outbox, phase_closed=closed)

    def _share(self, phase_id: str, partial: Partial) -> None:
        scratch = self._spool.scratch()
        partial.save(scratch)
        self.local.store.put_file(partial_key(phase_id, self.name), scratch)

    def _send(self, client_id: str, **message: Any) -> None:
        if connection := self._connections.get(client_id):
            connection.send(**message)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def partial_key(phase_id: str, combiner: str) -> str:
    """Where a combiner puts its partial of a phase for the one that merges."""
    return f"partials/{phase_id}/{combiner}"


def _aggregator(name: str, settings_json: str) -> Aggregator:
    try:
        settings = json.loads(settings_json or "{}")
    except ValueError as error:
        raise InvalidInput(
            "The aggregator's settings are no JSON.", field="aggregator_kwargs"
        ) from error
    return aggregator(name, settings)


def _task_message(request: rounds_pb2.Phase, task_id: str) -> tasks_pb2.Task:
    task = tasks_pb2.Task(
        task_id=task_id,
        kind=request.kind,
        session_id=request.session_id,
        round_id=request.round_id,
        round_number=request.round_number,
        model=request.model,
        helper=request.helper,
        settings_json=request.settings_json,
    )
    if request.HasField("package"):
        task.package.CopyFrom(request.package)
    return task


def _copy(store: Blobs, key: str, target: Path) -> Path:
    with target.open("wb") as file:
        for data in store.read(key):
            file.write(data)
    return target
