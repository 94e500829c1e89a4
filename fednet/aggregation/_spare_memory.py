"""Memory for sums, which serves one round after the other."""

from __future__ import annotations

import math
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_Array = np.ndarray[Any, Any]


class SpareMemory:
    """Keeps the memory of sums that are gone for the next sums of the same size. Any thread.

    The system clears memory before it gives it out, which may take longer than the sums themselves.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a collection of garbage may give memory back at any moment
        self._spare: _Array | None = None

    @property
    def spare_bytes(self) -> int:
        """The number of bytes that nobody uses now."""
        with self._lock:
            return 0 if self._spare is None else self._spare.nbytes

    def zeros(self, shapes: Sequence[tuple[int, ...]]) -> list[_Array]:
        """Return float64 arrays of zeros in these shapes, in one piece of memory."""
        sizes = [math.prod(shape) for shape in shapes]
        memory = self._taken(sum(sizes))
        # Views of an array over a memoryview refer to that array, so it lives as long as any of them.
        numbers = np.frombuffer(memory.data, np.float64)
        weakref.finalize(numbers, self._give_back, memory).atexit = False
        numbers.fill(0)
        ends = np.cumsum(sizes, dtype=np.int64).tolist()
        return [
            numbers[end - size : end].reshape(shape)
            for shape, size, end in zip(shapes, sizes, ends, strict=True)
        ]

    def drop(self) -> None:
        """Give what is spare back to the system."""
        with self._lock:
            self._spare = None

    def _taken(self, size: int) -> _Array:
        with self._lock:
            memory, self._spare = self._spare, None
        return memory if memory is not None and memory.size == size else np.empty(size)

    def _give_back(self, memory: _Array) -> None:
        with self._lock:
            self._spare = memory
