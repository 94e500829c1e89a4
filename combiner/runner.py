"""Everything that one combiner has under way: its phases, its connections, and what is asked about them.

All of it belongs to the event loop's thread, except what is handed to the worker threads: files and numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import Any, NamedTuple

from fednet import limits
from fednet.aggregation import Partial
from fednet.errors import FailedPrecondition, FednetError, NotFound, PermissionDenied, Unavailable
from fednet.parameters import model_format
from fednet.storage import Blobs
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

from .answers import capabilities_of, log_record_of
from .blobs import LocalBlobs
from .connections import Connection, Connections
from .folding import Folding, structure_of
from .function_processes import Bounds, FunctionProcesses
from .functions import FunctionSteps
from .objects import ObjectId, ObjectUploads
from .outbox import Outbox
from .partials import SharedPartials
from .reduction import Reducer
from .requests import aggregator_of, check_phase, check_plan, check_reduction
from .retained import Retained
from .round import CloseAsked, Joined, Left
from .running import Means, RunningPhase
from .spool import Spool
from .workers import Workers

_log = logging.getLogger(__name__)


class UploadPlace(NamedTuple):
    """Where an update goes, and how large it may be."""

    object: ObjectId
    path: Path
    bytes_max: int


class Runner:
    """All phases and all connections of one combiner.

    Args:
        name: The combiner's name.
        spool: Its files.
        store: The blob store of the network.
        clients_max: How many clients may be connected at once.
        retained_bytes_max: How much the updates that sessions want to keep may take.
        bounds: What one step of server functions may take.
        object_part_bytes: How large a part of an update is on its way through the object store.
    """

    def __init__(
        self,
        name: str,
        spool: Spool,
        store: Blobs,
        clients_max: int,
        retained_bytes_max: int = limits.retained_bytes_max,
        bounds: Bounds | None = None,
        object_part_bytes: int = limits.object_part_bytes,
    ) -> None:
        self.name = name
        self.outbox = Outbox()
        self.local = LocalBlobs(store, spool)
        self.objects = ObjectUploads(name, store, spool, object_part_bytes)
        self._spool = spool
        self._retained = Retained(spool, retained_bytes_max)
        self._connections = Connections(clients_max)
        self._partials = SharedPartials(name, store, spool)
        self._reducer = Reducer(self.local, self._partials, spool)
        self._workers = Workers(name)
        processes = FunctionProcesses(self.local, spool, bounds or Bounds())
        self._functions = FunctionSteps(name, processes, self._reducer, self.outbox)
        self._means = Means(spool, self.outbox, self._connections, self._partials, self._workers)
        self._phases: dict[str, RunningPhase] = {}
        self._starting: dict[str, asyncio.Task[None]] = {}

    # The life of the runner

    async def recover(self) -> None:
        """Take up the phases of an earlier process where it left them; drop what cannot run any more.

        Raises:
            FednetError: The blob store is away.
        """
        for request, began_at in list(self._spool.phases()):
            try:
                await self._open(request, began_at)
            except FednetError as error:
                if error.retryable:
                    raise
                _log.warning("phase %s cannot be taken up: %s", request.phase_id, error)
                self._spool.release(request.phase_id)
            else:
                _log.info("phase %s is taken up from the spool", request.phase_id)
        await self._workers.run(self.objects.sweep, set(self._phases))

    async def close(self) -> None:
        """Stop; what is in the spool stays for the next process."""
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        for phase in self._phases.values():
            phase.stop()
        self._connections.close()
        await self._functions.close()
        await self._workers.close()

    # What the controller asks

    def snapshot(self) -> rounds_pb2.Event:
        """Everything that a controller has to know when it begins to watch."""
        snapshot = rounds_pb2.Snapshot(
            epoch=self.outbox.epoch,
            clients=self._connections.capabilities(),
            phases=list(self._phases),
            allows_functions=self._functions.are_allowed,
        )
        return rounds_pb2.Event(happened_at=time.time(), snapshot=snapshot)

    async def start(self, request: rounds_pb2.Phase) -> None:
        """Begin a phase; nothing happens if it has begun already.

        Raises:
            InvalidInput: The request makes no sense.
            NotFound: The blob store does not have the model or the package.
            LimitExceeded: Too much news waits for the controller.
        """
        check_phase(request)
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
            raise NotFound("This phase is not here.", field="phase_id")
        self._phases[phase_id].feed(CloseAsked())

    async def release(self, phase_id: str) -> None:
        """Forget a phase and what it spooled, except for updates to be retained; nothing happens if it is not here."""
        if opening := self._starting.get(phase_id):
            await asyncio.wait([opening])
        if phase := self._phases.pop(phase_id, None):
            phase.release()
            await asyncio.shield(self._workers.spawn(self._forget(phase)))

    async def _forget(self, phase: RunningPhase) -> None:
        await phase.ended.wait()  # what it is putting into the blob store is to be taken away, too
        told = await self._workers.run(self._clear_away, phase.request)
        if told:
            self.outbox.offer(phase=phase.context(), log=told)

    def _clear_away(self, request: rounds_pb2.Phase) -> tasks_pb2.LogRecord | None:
        """Let go of all that the phase held; what people are to be told of it, if anything."""
        for ref in _blobs_of(request):
            self.local.release(ref)
        try:
            self.objects.release(request.phase_id)
            told = self._retained.take(request) if request.retain_updates else None
            if request.share_partial:
                self._discard(request.phase_id)
            return told
        finally:
            self._spool.release(request.phase_id)

    def _discard(self, phase_id: str) -> None:
        try:
            self._partials.discard(phase_id)
        except Unavailable as error:
            _log.warning("the partial of phase %s stays in the blob store: %s", phase_id, error)

    async def reduce(self, request: rounds_pb2.Reduction) -> rounds_pb2.Reduced:
        """Merge the partials of a round and write the new model; the same again if it is there already.

        Raises:
            InvalidInput: The request makes no sense.
            NotFound: A partial is neither here nor in the blob store.
            FailedPrecondition: A partial here still grows; or no server functions may run here.
            Conflict: A partial is not the one that the controller was told of.
        """
        began = time.monotonic()
        check_reduction(request)
        own = {
            each.phase_id: await _whole_partial(self._phases[each.phase_id])
            for each in request.partials
            if each.combiner == self.name and each.phase_id in self._phases
        }
        if request.HasField("functions"):
            reduced = await self._functions.reduce(request, own)
        else:
            reduced = await self._workers.run(self._reducer.reduce, request, own)
        reduced.seconds = time.monotonic() - began
        return reduced

    async def plan(self, request: rounds_pb2.PlanRequest) -> rounds_pb2.Planned:
        """Let server functions choose clients and settings; nothing is kept but what they remember.

        Raises:
            FailedPrecondition: No server functions may run here.
            InvalidInput: The request makes no sense.
            NotFound: The blob store does not have the model, or what the functions remember.
        """
        check_plan(request)
        return await self._functions.plan(request)

    # What clients say

    def connect(self, client_id: str, hello: tasks_pb2.Hello) -> Connection:
        """A client's stream is open; an older one of the same client ends.

        Raises:
            LimitExceeded: As many clients as are allowed are connected.
        """
        connection = self._connections.open(client_id, capabilities_of(hello))
        connection.send(welcome=tasks_pb2.Welcome(combiner=self.name))
        self.outbox.mention(client_id=client_id, client_joined=connection.capabilities)
        for phase in list(self._phases.values()):
            phase.feed(Joined(client_id))
        return connection

    def disconnect(self, connection: Connection) -> None:
        """A client's stream broke."""
        if self._connections.forget(connection):
            client_id = connection.client_id
            self.outbox.mention(client_id=client_id, client_left=rounds_pb2.ClientLeft())
            for phase in list(self._phases.values()):
                phase.feed(Left(client_id))

    def result(self, client_id: str, result: tasks_pb2.TaskResult) -> None:
        """A client's answer to a task; one that nobody waits for is receipted, so that it is forgotten.

        Raises:
            PermissionDenied: The task is another client's.
            Unavailable: The spool cannot keep the answer now.
        """
        if phase := self._phase_of(client_id, result.task_id):
            phase.answered(result)
        else:
            reason = "No running round waits for this task."
            receipt = tasks_pb2.ResultReceipt(task_id=result.task_id, reason=reason)
            self._connections.send(client_id, receipt=receipt)

    def log(self, client_id: str, record: tasks_pb2.LogRecord) -> None:
        """A client's log record, for the controller; with its task, if that is one of this client's."""
        about: dict[str, Any] = {}
        with contextlib.suppress(PermissionDenied):
            if phase := self._phase_of(client_id, record.task_id):
                about = {"phase": phase.context(), "task_id": record.task_id}
        self.outbox.offer(client_id=client_id, log=log_record_of(record), **about)

    def upload_place(self, client_id: str, task_id: str) -> UploadPlace:
        """Where a client may put the update of its task.

        Raises:
            NotFound: No running phase waits for it.
            PermissionDenied: The task is another client's.
        """
        phase = self._phase_of(client_id, task_id)
        if phase is None or phase.folding is None or not phase.waits_for(task_id):
            raise NotFound("No running round waits for an update of this task.", field="task_id")
        path = self._spool.update_path(phase.request.phase_id, task_id)
        update = ObjectId(phase.request.phase_id, task_id)
        return UploadPlace(update, path, phase.folding.update_bytes_max)

    def _phase_of(self, client_id: str, task_id: str) -> RunningPhase | None:
        for phase in self._phases.values():
            if owner := phase.client_of(task_id):
                if owner != client_id:
                    raise PermissionDenied("The task belongs to another client.", field="task_id")
                return phase
        return None

    # How a phase begins

    async def _open(self, request: rounds_pb2.Phase, began_at: float) -> None:
        folding = await self._workers.run(self._prepare, request)
        phase = RunningPhase(request, folding, began_at, self._means)
        self._phases[request.phase_id] = phase
        phase.begin()

    def _prepare(self, request: rounds_pb2.Phase) -> Folding | None:
        """Get hold of the files; of all of them or of none."""
        with contextlib.ExitStack() as on_error:
            model, *_ = [self._acquired(ref, on_error) for ref in _blobs_of(request)]
            folding = _folding_of(request, model) if request.kind == tasks_pb2.TRAIN else None
            on_error.pop_all()
        return folding

    def _acquired(self, ref: common_pb2.BlobRef, on_error: contextlib.ExitStack) -> Path:
        path = self.local.acquire(ref)
        on_error.callback(self.local.release, ref)
        return path


def _folding_of(request: rounds_pb2.Phase, model: Path) -> Folding:
    form = model_format(request.helper)
    return Folding(aggregator_of(request), structure_of(model, form), form)


def _blobs_of(request: rounds_pb2.Phase) -> list[common_pb2.BlobRef]:
    package = [request.package] if request.HasField("package") else []
    return [request.model, *package]


async def _whole_partial(phase: RunningPhase) -> Partial:
    """What a closed phase has folded; after a restart it has to fold all of it again first."""
    if phase.folding is None or phase.is_open:
        raise FailedPrecondition("A phase must be closed before its partial is reduced.")
    await phase.ended.wait()
    return phase.folding.partial
