"""Merges of partials into a model, stored with the aggregator's memory. For worker threads."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from fednet.aggregation import Aggregator, LabelledUpdates, Partial
from fednet.digests import Algorithm, RunningDigest
from fednet.errors import FednetError
from fednet.parameters import (
    BlockArray,
    DigestedFile,
    ModelFile,
    ModelFormat,
    Structure,
    model_format,
    write_model,
)
from fednet.secure.ring import RingQuantiser
from fednet.server_functions import state_id_of

from ..machine.aggregators import aggregator_of, sum_of_masks, sum_of_updates
from ..machine.orders import Reduced, Reduction, ReportedPartial, Unmasking
from ..machine.values import Blob, BlobKind
from .blobs import LocalBlobs, blob_key
from .folding import merged
from .function_processes import RunFunctions
from .masked_updates import folded_mean, unmasked
from .partials import SharedPartials
from .private_updates import noisy, share_within_clip
from .spool import Spool

_log = logging.getLogger(__name__)

_Array = np.ndarray[Any, Any]
# Makes the new model's arrays and stores their state: returns the arrays, and the state's reference if there is one.
_Make: TypeAlias = Callable[
    [Reduction, Partial, Sequence[_Array]], tuple[Iterable[_Array | BlockArray], Blob | None]
]

# Only aggregators read their memory: one format serves for every model's.
_STATE_FORM: Final = model_format("numpyhelper")


class Reducer:
    """The merges of rounds: partials into models.

    Args:
        local: The combiner's models, and the blob store.
        partials: The partials in the blob store.
        spool: The combiner's files.
    """

    def __init__(self, local: LocalBlobs, partials: SharedPartials, spool: Spool) -> None:
        self._local = local
        self._partials = partials
        self._store = local.store
        self._spool = spool
        # A partial is for one thread at a time: a second request waits, and finds the model.
        self._reducing = threading.Lock()

    def reduce(self, order: Reduction, own: Mapping[str, Partial]) -> Reduced:
        """Merge the partials of a round and write the new model; the same again if it is there already.

        Args:
            order: The order.
            own: The partials of this combiner, by phase.

        Raises:
            NotFound: A partial, or the aggregator's memory, is not in the blob store.
            Conflict: A partial, the base or the memory is not the one that the controller recorded.
        """
        if order.obsolete_state_id:
            self._local.discard_state(order.obsolete_state_id)
        with self._reducing:
            self._discard_abandoned(order)
            return self._reduced(order, own, self._by_aggregator)

    def reduce_by_functions(
        self, order: Reduction, own: Mapping[str, Partial], run: RunFunctions
    ) -> Reduced:
        """Merge by server functions; no other round waits for them. The caller asks for each order once at a time.

        Args:
            order: The order.
            own: The partials of this combiner, by phase.
            run: Runs the functions.

        Raises:
            TaskFailed: The functions failed, or their result is no model of this session.
            FednetError: The errors of `reduce`.
        """
        self._discard_abandoned(order)
        return self._reduced(order, own, partial(self._by_functions, run))

    def store_state(self, run_id: str, state: Sequence[_Array]) -> Blob:
        """Store the memory of server functions after a run, under an id that its bytes determine.

        Args:
            run_id: The run, a UUID.
            state: The arrays of the memory.
        """
        with self._spool.scratch_file() as scratch:
            digest = write_model(scratch, state)
            blob = Blob(BlobKind.STATE, state_id_of(run_id, digest), digest)
            self._local.put_file(blob, scratch)
            return blob

    def _discard_abandoned(self, order: Reduction) -> None:
        """Delete the models of earlier attempts; one that cannot be deleted holds up no round."""
        for model_id in order.abandoned_model_ids:
            try:
                self._local.discard_model(model_id)
            except FednetError as error:
                _log.warning("the abandoned model %s stays in the store: %s", model_id, error)

    def _reduced(self, order: Reduction, own: Mapping[str, Partial], make: _Make) -> Reduced:
        model = self._found(Blob(BlobKind.MODEL, order.model_id))
        if model:
            state = self._found(Blob(BlobKind.STATE, order.model_id))
            share = self._share_within_clip(order, own)
            return Reduced(model, state, share_within_clip=share)
        return self._written(order, own, make)

    def _found(self, blob: Blob) -> Blob | None:
        """Describe a blob of the store; None if the store has no such blob."""
        if self._store.size(blob_key(blob)) is None:
            return None
        digest = RunningDigest(Algorithm.BLAKE3)
        for data in self._store.read(blob_key(blob)):
            digest.add(data)
        return replace(blob, digest=digest.digest)

    def _written(self, order: Reduction, own: Mapping[str, Partial], make: _Make) -> Reduced:
        kind, form = aggregator_of(order), model_format(order.helper)
        with contextlib.ExitStack() as opened:
            base = opened.enter_context(self._opened(order.base, form))
            share = None
            if order.unmasking:
                total = self._unmasked(order, order.unmasking, own, base)
            else:
                partials = self._partials_of(order, own, base.structure)
                total = merged(kind, base.structure, self._all_aged(form, partials, order, opened))
                if order.noise:
                    total = noisy(kind, base.structure, total, order.noise)
                    share = share_within_clip(partials, order.noise)
            arrays, state = make(order, total, base.arrays)
            blob = Blob(BlobKind.MODEL, order.model_id)
            model, _ = self._put(blob, form, arrays, base.structure)
            return Reduced(model, state, share_within_clip=share)

    def _partials_of(
        self, order: Reduction, own: Mapping[str, Partial], structure: Structure
    ) -> list[Partial]:
        kind = aggregator_of(order)
        return [
            self._partials.find(each, own, kind, structure) for each in _in_order(order.partials)
        ]

    def _all_aged(
        self,
        form: ModelFormat,
        partials: Sequence[Partial],
        order: Reduction,
        opened: contextlib.ExitStack,
    ) -> list[Partial]:
        """Return the partials of a round, each with its base if that is an older model."""
        told = _in_order(order.partials)
        return [self._aged(form, *each, opened) for each in zip(partials, told, strict=True)]

    def _unmasked(
        self, order: Reduction, unmasking: Unmasking, own: Mapping[str, Partial], base: ModelFile
    ) -> Partial:
        """Return the partial of the mean of all updates of a round with secure aggregation."""
        ring = RingQuantiser(unmasking.terms, base.structure)

        def found(kind: Aggregator, told: Sequence[ReportedPartial]) -> list[Partial]:
            words = ring.masked_structure
            return [self._partials.find(each, own, kind, words) for each in _in_order(told)]

        updates = found(sum_of_updates(unmasking.terms), order.partials)
        masks = found(sum_of_masks(unmasking.terms), unmasking.masks)
        return folded_mean(aggregator_of(order), ring, unmasked(unmasking, updates, masks), base)

    def _share_within_clip(self, order: Reduction, own: Mapping[str, Partial]) -> float | None:
        """Return the share of a model that is written already; see `share_within_clip`."""
        if order.noise is None or order.noise.count_deviation is None:
            return None
        with self._opened(order.base, model_format(order.helper)) as base:
            partials = self._partials_of(order, own, base.structure)
            return share_within_clip(partials, order.noise)

    def _by_aggregator(
        self, order: Reduction, total: Partial, base: Sequence[_Array]
    ) -> tuple[Iterable[_Array | BlockArray], Blob | None]:
        """Make the new model with the aggregator, whose new memory is stored before the model."""
        with contextlib.ExitStack() as opened:
            earlier = None
            if order.state:
                earlier = opened.enter_context(self._opened(order.state, _STATE_FORM)).arrays
            arrays = total.advance(base, earlier)
            if arrays is None:
                return total.finish_in_blocks(base, None), None
            state, views = self._put(Blob(BlobKind.STATE, order.model_id), _STATE_FORM, arrays)
        return total.finish_in_blocks(base, views), state

    def _by_functions(
        self, run: RunFunctions, order: Reduction, total: Partial, _base: Sequence[_Array]
    ) -> tuple[Iterable[_Array | BlockArray], Blob | None]:
        """Make the new model with server functions, whose new memory is stored before the model."""
        assert isinstance(total, LabelledUpdates), "so a round with functions keeps its updates"
        with self._spool.scratch_file() as updates:
            total.save(updates)
            made = run(order.base, order.state, updates=str(updates), labels=total.labels)
        arrays, state = made.model_in(total), None
        if made.state:
            blob = Blob(BlobKind.STATE, order.model_id)
            state, _ = self._put(blob, _STATE_FORM, made.state)
        return arrays, state

    def _put(
        self,
        blob: Blob,
        form: ModelFormat,
        arrays: Iterable[_Array | BlockArray],
        structure: Structure | None = None,
    ) -> tuple[Blob, list[_Array]]:
        """Write arrays into the blob store; return their reference, and views of them, which stay."""
        with self._spool.scratch_file() as scratch:
            with scratch.open("wb") as file:  # the store makes sure that it is complete and safe
                digested = DigestedFile(file)
                form.write_to(digested, arrays, structure)
            with form.open(scratch) as written:
                views = written.arrays
            blob = replace(blob, digest=digested.digest)
            self._local.put_file(blob, scratch)
        return blob, views

    @contextlib.contextmanager
    def _opened(self, blob: Blob, form: ModelFormat) -> Iterator[ModelFile]:
        with self._local.held(blob) as path, form.open(path) as opened:
            yield opened

    def _aged(
        self,
        form: ModelFormat,
        partial: Partial,
        told: ReportedPartial,
        opened: contextlib.ExitStack,
    ) -> Partial:
        """Return a partial together with its base, if that is an older model; mapped, not read."""
        if not told.base:
            return partial
        base = opened.enter_context(self._opened(told.base, form))
        return partial.aged(base.arrays, told.staleness)


def _in_order(partials: Sequence[ReportedPartial]) -> list[ReportedPartial]:
    """Return the partials of a reduction in an order that does not depend on the controller."""
    return sorted(partials, key=lambda each: each.combiner)
