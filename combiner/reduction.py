"""Partials into the blob store and out of it, and together into a model. For worker threads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fednet.aggregation import Aggregator, Partial
from fednet.errors import Conflict
from fednet.parameters import Structure
from fednet.wire import common_pb2, rounds_pb2

from .blobs import LocalBlobs, blob_key, copy_blob
from .folding import structure_of, write_mean
from .requests import aggregator_of
from .spool import Spool


class Reducer:
    """Shares this combiner's partials, and merges those of a round.

    Args:
        name: The combiner's name.
        local: Its models, and the blob store.
        spool: Its files.
    """

    def __init__(self, name: str, local: LocalBlobs, spool: Spool) -> None:
        self._name = name
        self._local = local
        self._store = local.store
        self._spool = spool

    def share(self, phase_id: str, partial: Partial) -> None:
        """Put a partial where the combiner that merges finds it."""
        with self._scratch() as scratch:
            partial.save(scratch)
            self._store.put_file(_partial_key(phase_id, self._name), scratch)

    def discard(self, phase_id: str) -> None:
        """Take the partial of a phase away; nothing happens where there is none."""
        self._store.delete(_partial_key(phase_id, self._name))

    def reduce(
        self, request: rounds_pb2.Reduction, own: Mapping[str, Partial]
    ) -> common_pb2.BlobRef:
        """Merge the partials of a round and write the new model; the same again if it is there already.

        Args:
            request: A checked request.
            own: The partials of this combiner, by phase.

        Raises:
            NotFound: A partial is neither here nor in the blob store.
            Conflict: A partial is not the one that the controller was told of.
        """
        ref = common_pb2.BlobRef(kind=common_pb2.BlobRef.MODEL, id=request.model_id)
        if self._store.size(blob_key(ref)) is None:
            self._write_model(request, own, blob_key(ref))
        digest = hashlib.sha256()
        for data in self._store.read(blob_key(ref)):
            digest.update(data)
            ref.size_bytes += len(data)
        ref.sha256 = digest.hexdigest()
        return ref

    def _write_model(
        self, request: rounds_pb2.Reduction, own: Mapping[str, Partial], key: str
    ) -> None:
        kind = aggregator_of(request)
        base = self._local.acquire(request.base)
        try:
            structure = structure_of(base)
            told = sorted(request.partials, key=lambda partial: partial.combiner)
            partials = [self._partial(kind, structure, each, own) for each in told]
            with self._scratch() as scratch:
                write_mean(kind, structure, partials, scratch)
                self._store.put_file(key, scratch)
        finally:
            self._local.release(request.base)

    def _partial(
        self,
        kind: Aggregator,
        structure: Structure,
        told: rounds_pb2.Partial,
        own: Mapping[str, Partial],
    ) -> Partial:
        is_here = told.combiner == self._name and told.phase_id in own
        partial = own[told.phase_id] if is_here else self._load(kind, structure, told)
        if partial.updates != told.updates:
            raise Conflict(
                f"The partial of {told.combiner!r} holds {partial.updates} updates, not the "
                f"{told.updates} that were reported. Train the round again."
            )
        return partial

    def _load(self, kind: Aggregator, structure: Structure, told: rounds_pb2.Partial) -> Partial:
        key = _partial_key(told.phase_id, told.combiner)
        if path := self._store.local_path(key):
            return kind.load(path, structure)
        with self._scratch() as scratch:
            return kind.load(copy_blob(self._store, key, scratch), structure)

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A path for work in progress; what is still there at the end is deleted."""
        path = self._spool.scratch()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _partial_key(phase_id: str, combiner: str) -> str:
    return f"partials/{phase_id}/{combiner}"
