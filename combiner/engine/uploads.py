"""Updates on their way into the spool: begun, resumed, taken over and completed, whichever protocol brings them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fednet.digests import Digest
from fednet.errors import Conflict, LimitExceeded, NotFound, TransferCorrupted, Unavailable
from fednet.rpc import Receiver

from ..measures import CombinerMetrics
from ..ports import PartPlace
from ..shielded import ended, in_thread
from .batches import Batches
from .objects import ObjectId, ObjectUploads
from .phases import Phases
from .spool import Spool


@dataclass(frozen=True)
class UploadPlace:
    """The place of an update: its name, its path in the spool, and its largest size."""

    object: ObjectId
    path: Path
    bytes_max: int


class Uploads:
    """The uploads of one combiner; see `UploadPort`.

    Args:
        phases: The phases that wait for updates.
        is_new: Tells if a client has just come, so that its tasks may still follow it.
        spool: Has the places of updates.
        objects: The updates in the object store.
        metrics: The combiner's metrics.
    """

    def __init__(
        self,
        phases: Phases,
        is_new: Callable[[str], bool],
        spool: Spool,
        objects: ObjectUploads,
        metrics: CombinerMetrics,
    ) -> None:
        self._received_bytes = metrics.received_bytes
        self._phases = phases
        self._is_new = is_new
        self._spool = spool
        self._objects = objects
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._uploading: Counter[str] = Counter()

    def is_uploading(self, client_id: str) -> bool:
        """Return True while an update of a client is on its way."""
        return self._uploading[client_id] > 0

    def place(self, client_id: str, task_id: str) -> UploadPlace:
        """Return the place for the update of a client's task; raises the errors of `UploadPort`."""
        phase = self._phases.of_task(client_id, task_id)
        if phase is None and self._is_new(client_id):
            raise Unavailable("No round here waits for this task yet; ask again.", field="task_id")
        if phase and phase.has_moved(task_id):
            raise Unavailable("The task has moved to another combiner.", field="task_id")
        if phase is None or phase.folding is None or not phase.waits_for(task_id):
            raise NotFound("No running round waits for an update of this task.", field="task_id")
        phase_id = phase.assignment.phase_id
        path = self._spool.update_path(phase_id, task_id)
        return UploadPlace(ObjectId(phase_id, task_id), path, phase.folding.update_bytes_max)

    def received_bytes(self, client_id: str, task_id: str) -> int:
        """Return the number of bytes of an update that are here already."""
        path = self.place(client_id, task_id).path
        return path.stat().st_size if path.exists() else Receiver.offset_of(path)

    async def receive(
        self,
        client_id: str,
        task_id: str,
        digest: Digest,
        offset_bytes: int,
        pieces: AsyncIterator[bytes | memoryview],
    ) -> None:
        """Take an update from its client."""
        place = self._checked_place(client_id, task_id, digest.size_bytes)
        with self._counted(client_id):
            await self._take_over(
                place, digest, partial(self._receive, place, digest, offset_bytes, pieces)
            )

    async def fetch(
        self, client_id: str, task_id: str, digest: Digest, etags: Sequence[str]
    ) -> None:
        """Take an update from the object store."""
        place = self._checked_place(client_id, task_id, digest.size_bytes)
        with self._counted(client_id):
            await self._take_over(place, digest, partial(self._fetch, place, digest, etags))

    async def locate_part(
        self, client_id: str, task_id: str, size_bytes: int, number: int
    ) -> PartPlace:
        """Return the place in the object store for a part of an update."""
        place = self._checked_place(client_id, task_id, size_bytes)
        return await in_thread(self._objects.locate, place.object, size_bytes, number)

    def arrived(self, place: UploadPlace, digest: Digest) -> None:
        """Tell the phase that an update lies whole in its place."""
        if phase := self._phases.get(place.object.phase_id):
            phase.arrived(place.object.task_id, digest)

    @contextlib.contextmanager
    def _counted(self, client_id: str) -> Iterator[None]:
        self._uploading[client_id] += 1
        try:
            yield
        finally:
            self._uploading[client_id] -= 1
            if not self._uploading[client_id]:
                del self._uploading[client_id]

    def _checked_place(self, client_id: str, task_id: str, size_bytes: int) -> UploadPlace:
        place = self.place(client_id, task_id)
        if size_bytes > place.bytes_max:
            raise LimitExceeded(
                f"The update has {size_bytes} bytes; one of this model has at most "
                f"{place.bytes_max}.",
                field="size_bytes",
            )
        return place

    async def _take_over(
        self, place: UploadPlace, digest: Digest, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Receive an update; an earlier upload of the task ends, as its connection may be dead without our knowing."""
        task_id = place.object.task_id
        older = self._under_way.get(task_id)
        receiving = asyncio.create_task(self._receive_after(older, place, digest, work))
        self._under_way[task_id] = receiving
        try:  # cancelled with the call, and waited for also then
            await asyncio.gather(receiving, return_exceptions=True)
        finally:
            if self._under_way.get(task_id) is receiving:
                del self._under_way[task_id]
        if receiving.cancelled():
            raise Conflict("A newer upload of this task has taken over.", field="task_id")
        receiving.result()

    async def _receive_after(
        self,
        older: asyncio.Task[None] | None,
        place: UploadPlace,
        digest: Digest,
        work: Callable[[], Awaitable[None]],
    ) -> None:
        if older:
            older.cancel()
            await ended(asyncio.wait([older]))
        await work()
        self.arrived(place, digest)

    async def _receive(
        self,
        place: UploadPlace,
        digest: Digest,
        offset: int,
        pieces: AsyncIterator[bytes | memoryview],
    ) -> None:
        receiver = await in_thread(self._receiver, place, digest, offset)
        if receiver is None:
            return
        left, last, received = digest.size_bytes - offset, [], self._received_bytes.labels("grpc")
        with receiver:
            async with contextlib.aclosing(Batches(partial(self._write, receiver))) as batches:
                async for piece in pieces:
                    received.inc(len(piece))
                    left -= len(piece)
                    if left > 0:
                        await batches.add(piece)
                    else:  # written when the stream has ended, in the same visit to a thread
                        last.append(piece)
                    if left < 0:
                        break
            await in_thread(self._finish, receiver, last)

    async def _fetch(self, place: UploadPlace, digest: Digest, etags: Sequence[str]) -> None:
        """Take an update from the object store, from where an earlier call was; a wrong one is deleted there."""
        offset = Receiver.offset_of(place.path)
        receiver = await in_thread(self._receiver, place, digest, offset)
        if receiver is None:
            return
        with receiver:
            completed = self._objects.completed
            pieces = await in_thread(completed, place.object, digest.size_bytes, etags, offset)
            while piece := await in_thread(next, pieces, None):
                self._received_bytes.labels("object-store").inc(len(piece))
                await in_thread(self._write, receiver, [piece])
            try:
                await in_thread(self._finish, receiver, ())
            except TransferCorrupted:
                await in_thread(self._objects.delete, place.object)
                raise

    def _receiver(self, place: UploadPlace, digest: Digest, offset: int) -> Receiver | None:
        """Return the receiver of an update; None if it lies in its place already. Another one there is deleted."""
        with self._spool.disk.reading(), contextlib.suppress(FileNotFoundError):
            if digest.is_of_file(place.path):
                return None
            place.path.unlink()
        with self._spool.disk.reading():
            self._spool.remains.make_room()
        return Receiver(place.path, digest, offset)

    def _write(self, receiver: Receiver, pieces: Sequence[bytes | memoryview]) -> None:
        with self._spool.disk.writing():
            for piece in pieces:
                receiver.write(piece)

    def _finish(self, receiver: Receiver, last: Sequence[bytes | memoryview]) -> None:
        """Write the last pieces, and give the update its name."""
        self._write(receiver, last)
        with self._spool.disk.writing():
            receiver.finish()
