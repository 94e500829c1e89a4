"""Partials together into a model, stored with what the aggregator remembers. For worker threads."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from fednet.aggregation import LabelledUpdates, Partial
from fednet.parameters import ModelFile, ModelFormat, Structure, model_format
from fednet.wire import common_pb2, rounds_pb2

from .blobs import LocalBlobs, blob_key
from .folding import merged
from .function_processes import Run
from .partials import SharedPartials
from .requests import aggregator_of
from .spool import Spool

_Array = np.ndarray[Any, Any]
_Make: TypeAlias = Callable[
    [rounds_pb2.Reduction, Partial, Sequence[_Array], common_pb2.BlobRef], Iterable[_Array]
]

# What an aggregator remembers is nobody else's: one format serves for every model's.
_STATE_FORM: Final = model_format("numpyhelper")


class Reducer:
    """Merges the partials of rounds.

    Args:
        local: The combiner's models, and the blob store.
        partials: Where the partials are.
        spool: The combiner's files.
    """

    def __init__(self, local: LocalBlobs, partials: SharedPartials, spool: Spool) -> None:
        self._local = local
        self._partials = partials
        self._store = local.store
        self._spool = spool
        # A partial is for one thread at a time: who asks again waits, and finds the model.
        self._reducing = threading.Lock()

    def reduce(
        self, request: rounds_pb2.Reduction, own: Mapping[str, Partial]
    ) -> rounds_pb2.Reduced:
        """Merge the partials of a round and write the new model; the same again if it is there already.

        Args:
            request: A checked request.
            own: The partials of this combiner, by phase.

        Raises:
            NotFound: A partial, or what the aggregator remembered, is not in the blob store.
            Conflict: A partial is not the one that the controller was told of.
            TransferCorrupted: What the aggregator remembered does not match its digest.
        """
        if request.obsolete_state_id:
            self._local.discard_state(request.obsolete_state_id)
        with self._reducing:
            return self._reduced(request, own, self._by_aggregator)

    def reduce_by_functions(
        self, request: rounds_pb2.Reduction, own: Mapping[str, Partial], run: Run
    ) -> rounds_pb2.Reduced:
        """Likewise, by server functions: no other round waits for them, and nobody may ask again meanwhile.

        Args:
            request: A checked request.
            own: The partials of this combiner, by phase.
            run: Runs the functions.

        Raises:
            TaskFailed: The functions failed, or what they gave is no model of this session.
            FednetError: What `reduce` raises.
        """
        return self._reduced(request, own, partial(self._by_functions, run))

    def store_state(self, step_id: str, state: _Array) -> common_pb2.BlobRef:
        """Store what server functions remember after a step; what differs lies under another id.

        So a step that is repeated overwrites nothing that somebody may have heard of.

        Args:
            step_id: The step, a UUID.
            state: Bytes.
        """
        digest = hashlib.sha256(state.tobytes()).hexdigest()
        ref = _state_ref(str(uuid.uuid5(uuid.UUID(step_id), digest)))
        self._put(ref, _STATE_FORM, [state])
        return ref

    def _reduced(
        self, request: rounds_pb2.Reduction, own: Mapping[str, Partial], make: _Make
    ) -> rounds_pb2.Reduced:
        model, state = _model_ref(request.model_id), _state_ref(request.model_id)
        if self._store.size(blob_key(model)) is None:
            self._write(request, own, make, model, state)
        else:
            self._describe(model)
            self._describe(state)
        return rounds_pb2.Reduced(model=model, state=state if state.sha256 else None)

    def _describe(self, ref: common_pb2.BlobRef) -> None:
        """Fill in the size and the digest of what the store has, if it has it."""
        if self._store.size(blob_key(ref)) is None:
            return
        digest = hashlib.sha256()
        for data in self._store.read(blob_key(ref)):
            digest.update(data)
            ref.size_bytes += len(data)
        ref.sha256 = digest.hexdigest()

    def _write(
        self,
        request: rounds_pb2.Reduction,
        own: Mapping[str, Partial],
        make: _Make,
        model: common_pb2.BlobRef,
        state: common_pb2.BlobRef,
    ) -> None:
        kind, form = aggregator_of(request), model_format(request.helper)
        with contextlib.ExitStack() as opened:
            base = opened.enter_context(self._opened(request.base, form))
            told = sorted(request.partials, key=lambda each: each.combiner)
            partials = [self._partials.find(each, own, kind, base.structure) for each in told]
            aged = [self._aged(form, *each, opened) for each in zip(partials, told, strict=True)]
            total = merged(kind, base.structure, aged)
            self._put(model, form, make(request, total, base.arrays, state), base.structure)

    def _by_aggregator(
        self,
        request: rounds_pb2.Reduction,
        total: Partial,
        base: Sequence[_Array],
        state: common_pb2.BlobRef,
    ) -> Iterable[_Array]:
        """The new model's arrays as the aggregator has it."""
        return total.finish(base, self._remember(request, total, base, state))

    def _by_functions(
        self,
        run: Run,
        request: rounds_pb2.Reduction,
        total: Partial,
        _base: Sequence[_Array],
        state: common_pb2.BlobRef,
    ) -> Iterable[_Array]:
        """The new model's arrays as server functions have it; what they remember is stored before."""
        assert isinstance(total, LabelledUpdates), "so a round with functions keeps its updates"
        with self._spool.scratch_file() as updates:
            total.save(updates)
            made = run(request.base, request.state, updates=str(updates), labels=total.labels)
        arrays = made.model_in(total)
        if made.state is not None:
            self._put(state, _STATE_FORM, [made.state])
        return arrays

    def _remember(
        self,
        request: rounds_pb2.Reduction,
        total: Partial,
        base: Sequence[_Array],
        state: common_pb2.BlobRef,
    ) -> Sequence[_Array] | None:
        """Store what the aggregator will remember, before the model that follows from it."""
        with contextlib.ExitStack() as opened:
            earlier = None
            if request.HasField("state"):
                earlier = opened.enter_context(self._opened(request.state, _STATE_FORM)).arrays
            arrays = total.advance(base, earlier)
            return None if arrays is None else self._put(state, _STATE_FORM, arrays)

    def _put(
        self,
        ref: common_pb2.BlobRef,
        form: ModelFormat,
        arrays: Iterable[_Array],
        structure: Structure | None = None,
    ) -> list[_Array]:
        """Write arrays into the blob store and fill in the reference; views of them, which stay."""
        with self._spool.scratch_file() as scratch:
            with scratch.open("wb") as file:  # the store sees to it that it is whole and safe
                form.write_to(file, arrays, structure)
            with form.open(scratch) as written:
                views = written.arrays
            blob = self._store.put_file(blob_key(ref), scratch)
        ref.size_bytes, ref.sha256 = blob.size_bytes, blob.sha256
        return views

    @contextlib.contextmanager
    def _opened(self, ref: common_pb2.BlobRef, form: ModelFormat) -> Iterator[ModelFile]:
        with self._local.held(ref) as path, form.open(path) as opened:
            yield opened

    def _aged(
        self,
        form: ModelFormat,
        partial: Partial,
        told: rounds_pb2.Partial,
        opened: contextlib.ExitStack,
    ) -> Partial:
        """The partial with what it began with, where that is an older model; mapped, not read."""
        if not told.staleness:
            return partial
        base = opened.enter_context(self._opened(told.base, form))
        return partial.aged(base.arrays, told.staleness)


def _model_ref(model_id: str) -> common_pb2.BlobRef:
    return common_pb2.BlobRef(kind=common_pb2.BlobRef.MODEL, id=model_id)


def _state_ref(model_id: str) -> common_pb2.BlobRef:
    return common_pb2.BlobRef(kind=common_pb2.BlobRef.STATE, id=model_id)
