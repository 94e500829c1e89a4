"""Memory that files take: what was read of a mapped file counts as a process's own until it lets go."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np


def let_pages_go(arrays: Iterable[np.ndarray[Any, Any]]) -> None:
    """Let go of what has been read of arrays in mapped files; it is read again where it is needed.

    Args:
        arrays: Views as `fednet.parameters.open_model` gives them; other arrays are left alone.
    """
    mappings = {id(array.base): array.base for array in arrays}
    for mapping in mappings.values():
        if isinstance(mapping, mmap.mmap):
            mapping.madvise(mmap.MADV_DONTNEED)
