"""Memory of mapped files: pages that a process has read count as its memory until it drops them."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np


def let_pages_go(arrays: Iterable[np.ndarray[Any, Any]]) -> None:
    """Drop the pages that were read of arrays in mapped files; they are read again when needed.

    Args:
        arrays: Views from `fednet.parameters.open_model`; other arrays are ignored.
    """
    mappings = {id(array.base): array.base for array in arrays}
    for mapping in mappings.values():
        if isinstance(mapping, mmap.mmap):
            mapping.madvise(mmap.MADV_DONTNEED)
