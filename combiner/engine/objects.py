"""Updates that clients put straight into the object store: their places there, and their way into the spool.

    updates/<combiner>/<phase id>/<task id>

The spool keeps that there is such an object before its client is told the place. So each object is deleted with its
phase; an object that comes later still, or while the store is away, is deleted at the combiner's next start. For worker
threads.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

from fednet import limits
from fednet.errors import FednetError, InvalidInput, NotFound, TransferCorrupted
from fednet.storage import Blobs, Presigner

from ..ports import PartPlace
from .spool import Spool

_log = logging.getLogger(__name__)


class ObjectId(NamedTuple):
    """The phase and the task that an update in the object store belongs to."""

    phase_id: str
    task_id: str


class ObjectUploads:
    """The updates of one combiner that are on their way through the object store.

    Args:
        name: The combiner's name.
        store: The blob store; where it makes no URLs there are no such updates.
        spool: Remembers which objects there are.
        part_bytes: An update that is larger goes in parts of this size.
    """

    def __init__(self, name: str, store: Blobs, spool: Spool, part_bytes: int) -> None:
        self._folder = f"updates/{name}/"
        self._store = store
        self._spool = spool
        self._part_bytes = part_bytes

    def locate(self, update: ObjectId, size_bytes: int, number: int) -> PartPlace:
        """Return the place of a part of an update; it has no URL if the store makes none.

        Args:
            update: The update.
            size_bytes: The size of the whole update.
            number: The number of the part, from 1; the first one starts the upload anew.

        Raises:
            InvalidInput: It has no such part.
            TransferCorrupted: Its first part is not there any more.
        """
        presigner = self._store.presigner
        if presigner is None:
            return PartPlace()
        count = self._parts_of(size_bytes)
        if not 1 <= number <= count:
            raise InvalidInput(f"The update has parts 1 to {count}, no {number}.", field="number")
        offset = (number - 1) * self._part_bytes
        return PartPlace(
            url=self._url(presigner, update, number, count),
            offset_bytes=offset,
            size_bytes=min(self._part_bytes, size_bytes - offset),
            is_last=number == count,
        )

    def completed(
        self, update: ObjectId, size_bytes: int, etags: Sequence[str], offset: int
    ) -> Iterator[bytes]:
        """Make the parts an object, unless they are one, and read it from an offset on.

        Raises:
            InvalidInput: There are more or fewer parts than the update has.
            TransferCorrupted: It does not lie there in its announced size, and must be sent again.
        """
        if len(etags) != self._parts_of(size_bytes):
            raise InvalidInput(
                f"The update has {self._parts_of(size_bytes)} parts, not {len(etags)}.",
                field="etags",
            )
        self._join_parts(update, etags)
        found = self._store.size(self._key(update))
        if found != size_bytes:
            self.delete(update)
            raise TransferCorrupted(
                f"The object store has {found or 0} bytes of the update, not {size_bytes}. Send it "
                "again."
            )
        return self._store.read(self._key(update), offset)

    def delete(self, update: ObjectId) -> None:
        """Delete the object of an update; nothing happens if there is none."""
        self._store.delete(self._key(update))

    def release(self, phase_id: str) -> None:
        """Delete all objects of a phase; `sweep` deletes later those that the store keeps now."""
        try:
            for task_id, upload_id in self._spool.objects(phase_id):
                update = ObjectId(phase_id, task_id)
                self._abort(update, upload_id)
                self.delete(update)
        except FednetError as error:
            _log.warning("updates stay in the object store until the next start: %s", error)

    def sweep(self, phases: Container[str]) -> None:
        """Delete objects that belong to none of these phases: late ones, and those of an earlier process."""
        if self._store.presigner is None:
            return
        try:
            for key in list(self._store.list(self._folder)):
                if key.removeprefix(self._folder).partition("/")[0] not in phases:
                    self._store.delete(key)
        except FednetError as error:
            _log.warning("forgotten updates stay in the object store: %s", error)

    def _url(self, presigner: Presigner, update: ObjectId, number: int, count: int) -> str:
        key, seconds = self._key(update), int(limits.object_url_seconds)
        if number == 1:
            self._begin(presigner, update, in_parts=count > 1)
        if count == 1:
            return presigner.put_url(key, seconds)
        upload_id = self._spool.object(*update)
        if not upload_id:
            raise TransferCorrupted("The parts are gone; send them again.")
        return presigner.part_url(key, upload_id, number, seconds)

    def _begin(self, presigner: Presigner, update: ObjectId, *, in_parts: bool) -> None:
        self._abort(update, self._spool.object(*update))
        upload_id = presigner.begin_parts(self._key(update)) if in_parts else ""
        self._spool.keep_object(*update, upload_id)

    def _join_parts(self, update: ObjectId, etags: Sequence[str]) -> None:
        presigner, upload_id = self._store.presigner, self._spool.object(*update)
        if not (presigner and upload_id):
            return
        try:
            with contextlib.suppress(NotFound):  # joined already, by a process that then died
                presigner.complete_parts(self._key(update), upload_id, etags)
        except InvalidInput as error:
            raise TransferCorrupted(f"{error.message} Send them again.") from error
        self._spool.keep_object(*update, "")

    def _abort(self, update: ObjectId, upload_id: str | None) -> None:
        presigner = self._store.presigner
        if presigner and upload_id:
            presigner.abort_parts(self._key(update), upload_id)

    def _parts_of(self, size_bytes: int) -> int:
        return max(1, -(-size_bytes // self._part_bytes))

    def _key(self, update: ObjectId) -> str:
        return f"{self._folder}{update.phase_id}/{update.task_id}"
