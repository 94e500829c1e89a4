"""The memory of a process through which models pass in pieces."""

from __future__ import annotations

import ctypes
from typing import Final

from fednet import limits

# Numbers of glibc's <malloc.h>.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENAS_MAX: Final = -8


def reuse_freed_memory() -> None:
    """Let the allocator keep a little of the memory that was freed, for the next pieces.

    By itself glibc gives the memory of each piece back to the system, and the system clears it anew for the next one:
    that costs more than the transfer itself. Where there is another allocator, nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in (
        (_TRIM_THRESHOLD, limits.kept_memory_bytes),
        (_MMAP_THRESHOLD, limits.kept_block_bytes_max),
        (_ARENAS_MAX, limits.memory_arenas_max),
    ):
        mallopt(parameter, value)
