"""Partials that combiners share through the blob store, where the combiner that merges finds them."""

from __future__ import annotations

from collections.abc import Mapping

from fednet.aggregation import Aggregator, Partial
from fednet.digests import Digest
from fednet.errors import Conflict
from fednet.parameters import Structure

from ..machine.orders import ReportedPartial
from .checked_blobs import CheckedBlobs
from .spool import Spool


class SharedPartials:
    """The partials of all combiners, as this one reaches them. For worker threads.

    Args:
        name: This combiner's name.
        checked: The blob store.
        spool: Its files.
    """

    def __init__(self, name: str, checked: CheckedBlobs, spool: Spool) -> None:
        self._name = name
        self._checked = checked
        self._spool = spool

    def share(self, phase_id: str, partial: Partial) -> Digest:
        """Put this combiner's partial of a phase into the blob store and return its digest."""
        with self._spool.scratch_file() as scratch:
            partial.save(scratch)
            return self._checked.put_file(_key(phase_id, self._name), scratch)

    def discard(self, phase_id: str) -> None:
        """Delete this combiner's partial of a phase; nothing happens if there is none."""
        self._checked.store.delete(_key(phase_id, self._name))

    def find(
        self,
        told: ReportedPartial,
        own: Mapping[str, Partial],
        kind: Aggregator,
        structure: Structure,
    ) -> Partial:
        """Return a partial that the controller was told of.

        Args:
            told: The partial, as the controller was told of it.
            own: The partials of this combiner, by phase.
            kind: The aggregator that folded it.
            structure: The structure of the model.

        Raises:
            NotFound: It is not in the blob store.
            Conflict: It is not the one that the controller was told of.
        """
        is_here = told.combiner == self._name and told.phase_id in own
        partial = own[told.phase_id] if is_here else self._load(told, kind, structure)
        if partial.updates != told.updates:
            raise Conflict(
                f"The partial of {told.combiner!r} holds {partial.updates} updates, not the "
                f"{told.updates} that were reported. Train the round again."
            )
        return partial

    def _load(self, told: ReportedPartial, kind: Aggregator, structure: Structure) -> Partial:
        key = _key(told.phase_id, told.combiner)
        if told.digest is None:
            raise Conflict(
                f"The partial {key!r} has no digest from its combiner. Train the round again."
            )
        if path := self._checked.path(key, told.digest):
            return kind.load(path, structure)
        with self._spool.scratch_file() as scratch:
            self._checked.copy(key, told.digest, scratch)
            return kind.load(scratch, structure)


def _key(phase_id: str, combiner: str) -> str:
    return f"partials/{phase_id}/{combiner}"
