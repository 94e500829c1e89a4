"""The memory of a process through which models pass in pieces."""

from __future__ import annotations

import ctypes
from typing import Final

from fednet import limits

# Numbers of glibc's <malloc.h>.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENAS_MAX: Final = -8


def reuse_freed_memory(*, is_our_process: bool) -> None:
    """Let the allocator keep a little of the memory that was freed, for the next pieces.

    By itself glibc gives the memory of each piece back to the system, and the system clears it anew for the next one:
    that costs more than the transfer itself. Where there is another allocator, nothing happens.

    Args:
        is_our_process: True if no user's code runs in the process. Then its threads share a few places for memory,
            which would make code wait that computes with many threads.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_TRIM_THRESHOLD, limits.kept_memory_bytes)
    mallopt(_MMAP_THRESHOLD, limits.kept_block_bytes_max)
    if is_our_process:
        mallopt(_ARENAS_MAX, limits.memory_arenas_max)
