"""All phases of one combiner: their begin, their changes, their end, and the phase of each task."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from fednet.errors import FednetError, InvalidInput, NotFound, PermissionDenied

from ..machine.assignment import Assignment, PhaseRecord, tasks_of
from ..machine.events import CloseAsked
from ..machine.values import Authority, Blob, LogRecord
from .blobs import LocalBlobs
from .folding import Folding
from .handlers import HANDLERS
from .kept_memory import KeptMemory
from .means import Means
from .objects import ObjectUploads
from .orphans import Orphans
from .retained import Retained
from .running_phase import RunningPhase
from .update_format import UpdateFormat

_log = logging.getLogger(__name__)


class Phases:
    """The phases that run here.

    All methods belong to the event loop's thread. The caller sees to it that orders about one phase come one at a time.

    Args:
        means: The parts of the combiner that all phases share.
        local: Their models and packages.
        objects: Their updates in the object store.
        retained: Takes updates that outlive their phase.
        orphans: Deletes their shared partials.
    """

    def __init__(
        self,
        means: Means,
        local: LocalBlobs,
        objects: ObjectUploads,
        retained: Retained,
        orphans: Orphans,
    ) -> None:
        self._means = means
        self._local = local
        self._objects = objects
        self._retained = retained
        self._orphans = orphans
        self._memory = KeptMemory(means.spool.remains)
        self._running: dict[str, RunningPhase] = {}
        self._by_task: dict[str, RunningPhase] = {}
        self._by_client: dict[str, dict[str, RunningPhase]] = {}  # then by the phase's id
        self._changed = asyncio.Event()

    def __iter__(self) -> Iterator[RunningPhase]:
        return iter(list(self._running.values()))

    def __len__(self) -> int:
        return len(self._running)

    async def changed(self) -> None:
        """Wait for the next change of any phase."""
        self._changed.clear()
        await self._changed.wait()

    def get(self, phase_id: str) -> RunningPhase | None:
        """Return a phase; None if it is not here."""
        return self._running.get(phase_id)

    def of_client(self, client_id: str) -> list[RunningPhase]:
        """Return the phases in which a client has a task here."""
        return list(self._by_client.get(client_id, {}).values())

    def of_task(self, client_id: str, task_id: str) -> RunningPhase | None:
        """Return the phase of a client's task; None if no phase here has the task.

        Raises:
            PermissionDenied: The task is another client's.
        """
        phase = self._by_task.get(task_id)
        if phase and phase.client_of(task_id) != client_id:
            raise PermissionDenied("The task belongs to another client.", field="task_id")
        return phase

    async def recover(self, records: Iterable[PhaseRecord]) -> None:
        """Take up the phases of an earlier process where it left them; drop those that cannot run any more.

        Args:
            records: The phases as they lie in the spool.

        Raises:
            FednetError: The blob store is away.
        """
        for record in records:
            phase_id = record.assignment.phase_id
            try:
                await self._open(record)
            except FednetError as error:
                if error.retryable:
                    raise
                _log.warning("phase %s cannot be taken up: %s", phase_id, error)
                self._means.spool.release(phase_id)
            else:
                _log.info("phase %s is taken up from the spool", phase_id)
        await self._means.workers.run(self._objects.sweep, set(self._running))
        self._orphans.retry()

    async def start(self, assignment: Assignment) -> None:
        """Begin a phase, add to it or open it again; where that changes nothing, only its end is told again.

        Raises:
            InvalidInput: The phase runs already, and is another one.
            NotFound: The blob store does not have the model or the package.
            LimitExceeded: Too much news waits for the controllers.
        """
        phase = self._running.get(assignment.phase_id)
        if phase is None:
            self._check_room(assignment)
            await self._begin(assignment)
        else:
            phase.note_authority(assignment.authority)
            await self._start_again(phase, assignment)

    def withdraw(
        self, phase_id: str, clients: tuple[str, ...], authority: Authority
    ) -> tuple[str, ...]:
        """Take clients out of a phase; return those that have no answer here.

        Raises:
            Unavailable: The spool cannot keep it now; nothing has changed.
        """
        phase = self._running.get(phase_id)
        if phase is None:
            return clients
        phase.note_authority(authority)
        withdrawn = phase.withdraw(clients)
        self._leave(phase_id, withdrawn)
        return withdrawn

    def close_early(self, phase_id: str, authority: Authority) -> None:
        """Close a phase with the answers that are in.

        Raises:
            NotFound: There is no such phase here.
        """
        phase = self._running.get(phase_id)
        if phase is None:
            raise NotFound("This phase is not here.", field="phase_id")
        phase.note_authority(authority)
        phase.feed(CloseAsked())

    async def release(self, phase_id: str) -> None:
        """Forget a phase and its files, except for updates to be retained; nothing happens if it is not here."""
        phase = self._running.pop(phase_id, None)
        if phase is None:
            return
        record = phase.record
        clients = (*record.assignment.clients, *record.withdrawn)
        for task_id in tasks_of(phase_id, clients):
            self._by_task.pop(task_id, None)
        self._leave(phase_id, clients)
        await phase.release()  # it waits for a partial on its way into the blob store
        line = await self._means.workers.run(self._clear_away, phase.assignment)
        self._orphans.retry()
        if line:
            self._means.outbox.offer(line, phase.assignment.context)
        self._memory.phase_ended()
        self._changed.set()

    def stop(self) -> None:
        """Stop; the spool stays for the next process."""
        self._orphans.stop()
        self._memory.close()
        for phase in self:
            phase.stop()

    # The beginning of a phase

    def _check_room(self, assignment: Assignment) -> None:
        self._means.outbox.check_room(3 * len(assignment.clients))

    async def _begin(self, assignment: Assignment) -> None:
        record = PhaseRecord(assignment, time.time())
        spool = self._means.spool
        spool.forget_orphan(assignment.phase_id)
        spool.keep_record(record)
        try:
            await self._open(record)
        except FednetError:
            spool.release(assignment.phase_id)
            raise

    async def _open(self, record: PhaseRecord) -> None:
        folding = await self._means.workers.run(self._prepare, record.assignment)
        phase = RunningPhase(record, folding, self._means, self._changed.set)
        self._running[record.assignment.phase_id] = phase
        self._index(phase, record.assignment.clients, record.withdrawn)
        phase.begin()

    def _index(
        self, phase: RunningPhase, clients: Iterable[str], withdrawn: Iterable[str] = ()
    ) -> None:
        phase_id = phase.assignment.phase_id
        self._by_task.update(dict.fromkeys(tasks_of(phase_id, (*clients, *withdrawn)), phase))
        for client in clients:
            self._by_client.setdefault(client, {})[phase_id] = phase

    def _leave(self, phase_id: str, clients: Iterable[str]) -> None:
        """Forget that these clients have a task in a phase."""
        for client in clients:
            phases = self._by_client.get(client, {})
            phases.pop(phase_id, None)
            if not phases:
                self._by_client.pop(client, None)

    def _prepare(self, assignment: Assignment) -> Folding | None:
        """Acquire the files: all of them or none."""
        with contextlib.ExitStack() as on_error:
            paths = {blob: self._acquired(blob, on_error) for blob in assignment.blobs}
            model = paths[assignment.model] if assignment.model else None
            folding = HANDLERS[assignment.kind].prepare(assignment, model)
            on_error.pop_all()
        if folding:
            folding.partial.work_in(self._memory.sums)
        return folding

    def _acquired(self, blob: Blob, on_error: contextlib.ExitStack) -> Path:
        path = self._local.acquire(blob)
        on_error.callback(self._local.release, blob)
        return path

    # Its changes

    async def _start_again(self, phase: RunningPhase, later: Assignment) -> None:
        present = phase.assignment
        if later.attempt < present.attempt:
            return
        if field := present.field_changed_by(later):
            raise InvalidInput(
                f"The phase {present.phase_id} runs with another {field}; begin one with an id of "
                "its own.",
                field=field,
            )
        if not phase.record.is_changed_by(later):
            phase.repeat_start(later)
            return
        self._check_room(later)
        needed = later.package if later.package and not present.package else None
        if needed:
            await self._means.workers.run(self._local.acquire, needed)
        try:
            phase.start_again(later)
        except FednetError:
            if needed:
                self._local.release(needed)
            raise
        self._index(phase, later.clients)

    # Its end

    def _clear_away(self, assignment: Assignment) -> LogRecord | None:
        """Release everything that the phase held; return a line for the network's log, if there is one."""
        if assignment.retain_updates:
            self._decode(assignment)
        for blob in assignment.blobs:
            self._local.release(blob)
        try:
            self._objects.release(assignment.phase_id)
            line = self._retained.take(assignment) if assignment.retain_updates else None
            if assignment.share_partial:
                self._orphans.discard(assignment.phase_id)
            return line
        finally:
            self._means.spool.retire(assignment.phase_id)

    def _decode(self, assignment: Assignment) -> None:
        """Decode the updates of a phase for people; its model is held until its files are released."""
        if assignment.model:
            with self._local.held(assignment.model) as model:
                self._retained.decode(assignment, UpdateFormat.of(assignment, model))
