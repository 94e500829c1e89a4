"""One combiner without its protocols: the orders of controllers, and the port for clients."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace

from fednet import limits
from fednet.aggregation import Partial
from fednet.errors import InvalidInput, NotFound, PermissionDenied, Superseded, Unavailable
from fednet.storage import Blobs

from ..machine.answers import Answer
from ..machine.assignment import Assignment
from ..machine.events import Joined, Left
from ..machine.fence import Fence
from ..machine.news import ClientJoined, ClientLeft, Snapshot
from ..machine.orders import Plan, PlanOrder, Reduced, Reduction
from ..machine.values import Authority, Digest, LogRecord, TaskKind, Verdict
from ..ports import ClientStream, ObjectId, UploadPlace
from .blobs import LocalBlobs
from .clients import Clients
from .function_processes import Bounds, FunctionProcesses
from .function_runs import FunctionRuns
from .newcomers import Newcomers
from .objects import ObjectUploads
from .orphans import Orphans
from .outbox import Outbox
from .partials import SharedPartials
from .phases import Phases
from .reduction import Reducer
from .retained import Retained
from .running_phase import Means, RunningPhase
from .spool import Spool
from .turns import Turns
from .workers import Workers


class Engine:
    """All phases and all clients of one combiner. All methods belong to the event loop's thread.

    Args:
        name: The combiner's name.
        spool: Its files.
        store: The blob store of the network.
        clients_max: The number of clients that may be connected at once.
        retained_bytes_max: The size that all retained updates together may have.
        bounds: Bounds of one run of server functions.
        object_part_bytes: The size of a part of an update on its way through the object store.

    Attributes:
        outbox: The news for the controllers.
        local: Models and packages as files on this machine.
        objects: Updates in the object store.
        disk: Names outages of the spool's disk.
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
        self._spool = spool
        self.disk = spool.disk
        self._fence = Fence()
        self._turns = Turns()
        self._workers = Workers(name)
        self._clients = Clients(clients_max)
        self._newcomers = Newcomers(self._refuse)
        self.outbox = Outbox(self._fence.controller_of)
        self.local = LocalBlobs(store, spool)
        self.objects = ObjectUploads(name, store, spool, object_part_bytes)
        partials = SharedPartials(name, store, spool)
        self._reducer = Reducer(self.local, partials, spool)
        processes = FunctionProcesses(self.local, spool, bounds or Bounds())
        self._functions = FunctionRuns(name, processes, self._reducer, self.outbox)
        means = Means(spool, self.outbox, self._clients, partials, self._workers)
        retained = Retained(spool, retained_bytes_max)
        orphans = Orphans(partials, spool, self._workers)
        self._phases = Phases(means, self.local, self.objects, retained, orphans)

    # The life of the engine

    async def recover(self) -> None:
        """Take up the phases that an earlier process left in the spool.

        Raises:
            FednetError: The blob store is away.
        """
        records = list(self._spool.records())
        for record in records:
            with contextlib.suppress(Superseded):  # a newer record of the session came first
                self._fence.admit(record.assignment.authority)
        await self._phases.recover(records)

    async def close(self) -> None:
        """Stop; the spool stays for the next process."""
        self._phases.stop()
        await self._turns.close()
        self._phases.stop()  # also those that began meanwhile
        self._newcomers.close()
        self._clients.close()
        self.outbox.close()
        await self._functions.close()
        await self._workers.close()

    # Orders of controllers

    def snapshot(self) -> Snapshot:
        """Return all that a controller needs to know when it begins to watch."""
        return Snapshot(
            epoch=self.outbox.epoch,
            clients=self._clients.capabilities(),
            phases={each.assignment.phase_id: each.assignment.session_id for each in self._phases},
            allows_functions=self._functions.are_allowed,
        )

    async def start(self, assignment: Assignment) -> None:
        """Begin a phase, add to it or open it again; see `Phases.start`.

        Raises:
            Superseded: Another controller drives the session.
            FednetError: The errors of `Phases.start`.
        """

        async def work() -> None:
            self._admit(assignment.authority)
            await self._phases.start(assignment)

        self._admit(assignment.authority)
        await self._turns.run(assignment.phase_id, work)

    async def withdraw(
        self, phase_id: str, clients: tuple[str, ...], authority: Authority
    ) -> tuple[str, ...]:
        """Take clients out of a phase; return those that have no answer here.

        Raises:
            Superseded: Another controller drives the session.
            Unavailable: The spool cannot keep it now; nothing has changed.
        """

        async def work() -> tuple[str, ...]:
            self._admit_for(phase_id, authority)
            return self._phases.withdraw(phase_id, clients, authority)

        self._admit_for(phase_id, authority)
        return await self._turns.run(phase_id, work)

    async def close_early(self, phase_id: str, authority: Authority) -> None:
        """Close a phase with the answers that are in.

        Raises:
            Superseded: Another controller drives the session.
            NotFound: There is no such phase here.
        """

        async def work() -> None:
            self._admit_for(phase_id, authority)
            self._phases.close_early(phase_id, authority)

        self._admit_for(phase_id, authority)
        await self._turns.run(phase_id, work)

    async def release(self, phase_id: str, authority: Authority) -> None:
        """Forget a phase and its files; nothing happens if it is not here.

        Raises:
            Superseded: Another controller drives the session.
        """

        async def work() -> None:
            self._admit_for(phase_id, authority)
            await self._phases.release(phase_id)

        self._admit_for(phase_id, authority)
        await self._turns.run(phase_id, work)

    async def reduce(self, order: Reduction) -> Reduced:
        """Merge the partials of a round and write the new model; the same again if it is there already.

        Raises:
            Superseded: Another controller drives the session.
            NotFound: A partial is neither here nor in the blob store.
            FailedPrecondition: A partial here still grows; or no server functions may run here.
            Conflict: A partial is not the one that the controller was told of.
        """
        self._admit(order.authority)
        began = time.monotonic()
        with contextlib.ExitStack() as reading:
            own = await self._own_partials(order, reading)
            if order.functions:
                reduced = await self._functions.reduce(order, order.functions, own)
            else:
                reduced = await self._workers.run(self._reducer.reduce, order, own)
        return replace(reduced, seconds=time.monotonic() - began)

    async def plan(self, order: PlanOrder) -> Plan:
        """Let server functions choose clients and settings; nothing is kept but their memory.

        Raises:
            Superseded: Another controller drives the session.
            FailedPrecondition: No server functions may run here.
            NotFound: The blob store does not have the model, or the functions' memory.
        """
        self._admit(order.authority)
        return await self._functions.plan(order)

    # The port for clients; see `ClientPort`

    def client_here(self, stream: ClientStream) -> None:
        """Take a client in."""
        self._clients.open(stream)
        stream.welcome(self.name)
        self._newcomers.welcome(stream)
        self.outbox.mention(ClientJoined(stream.capabilities), stream.client_id)
        for phase in self._phases:
            phase.feed(Joined(stream.client_id))

    def client_gone(self, stream: ClientStream) -> None:
        """Note that a client's stream broke."""
        if self._clients.forget(stream):
            self._newcomers.forget(stream.client_id)
            self.outbox.mention(ClientLeft(), stream.client_id)
            for phase in self._phases:
                phase.feed(Left(stream.client_id))

    def kind_of(self, client_id: str, task_id: str) -> TaskKind | None:
        """Return the kind of a client's task."""
        phase = self._phases.of_task(client_id, task_id)
        return phase.assignment.kind if phase else None

    def take_answer(self, client_id: str, answer: Answer) -> None:
        """Take a client's answer; one to an unknown task is refused, once the task cannot come any more."""
        if phase := self._phases.of_task(client_id, answer.task_id):
            phase.take_answer(answer)
        elif not self._newcomers.hold(client_id, answer.task_id):
            self._clients.receipt(client_id, _unknown(answer.task_id))

    def log(self, client_id: str, record: LogRecord) -> None:
        """Take a client's log record."""
        phase: RunningPhase | None = None
        with contextlib.suppress(PermissionDenied):
            phase = self._phases.of_task(client_id, record.task_id)
        context, task_id = (phase.assignment.context, record.task_id) if phase else (None, "")
        self.outbox.offer(replace(record, task_id=""), context, client_id, task_id)

    def upload_place(self, client_id: str, task_id: str) -> UploadPlace:
        """Return the place for the update of a client's task."""
        phase = self._phases.of_task(client_id, task_id)
        if phase is None and client_id in self._newcomers:
            raise Unavailable("No round here waits for this task yet; ask again.", field="task_id")
        if phase and phase.has_moved(task_id):
            raise Unavailable("The task has moved to another combiner.", field="task_id")
        if phase is None or phase.folding is None or not phase.waits_for(task_id):
            raise NotFound("No running round waits for an update of this task.", field="task_id")
        phase_id = phase.assignment.phase_id
        path = self._spool.update_path(phase_id, task_id)
        return UploadPlace(ObjectId(phase_id, task_id), path, phase.folding.update_bytes_max)

    def has_update(self, place: UploadPlace, digest: Digest) -> bool:
        """Return True if this update lies complete in its place. Blocks."""
        if not place.path.exists():
            return False
        if self._spool.digest(*place.object) == digest:
            return True
        place.path.unlink(missing_ok=True)
        return False

    def keep_digest(self, place: UploadPlace, digest: Digest) -> None:
        """Keep the digest of an update that is about to lie in its place. Blocks."""
        self._spool.keep_digest(*place.object, digest)

    # Helpers

    def _admit(self, authority: Authority) -> None:
        """Let an order pass, and send the session's news to its controller from now on."""
        if self._fence.admit(authority):
            self.outbox.move(authority.session_id)

    def _admit_for(self, phase_id: str, authority: Authority) -> None:
        phase = self._phases.get(phase_id)
        if phase and phase.assignment.session_id != authority.session_id:
            raise InvalidInput(
                f"The phase {phase_id} belongs to another session than {authority.session_id!r}.",
                field="authority",
            )
        self._admit(authority)

    def _refuse(self, stream: ClientStream, task_id: str) -> None:
        with contextlib.suppress(PermissionDenied):
            if self._phases.of_task(stream.client_id, task_id) is None:
                stream.receipt(_unknown(task_id))

    async def _own_partials(
        self, order: Reduction, reading: contextlib.ExitStack
    ) -> Mapping[str, Partial]:
        """Return the partials of this combiner, by phase; they stay as they are until the stack is closed."""
        own: dict[str, Partial] = {}
        for each in order.partials:
            phase = self._phases.get(each.phase_id)
            if phase and each.combiner == self.name:
                own[each.phase_id] = await phase.whole_partial()
                reading.enter_context(phase.reading())
        return own


def _unknown(task_id: str) -> Verdict:
    return Verdict(task_id, accepted=False, reason="No running round waits for this task.")
