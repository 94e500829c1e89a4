"""Numbers of the type bfloat16, which NumPy lacks: each is the upper half of a float32."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from fednet.parameters._blocks import flat_blocks
from fednet.parameters._model_file import map_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_Array = np.ndarray[Any, Any]


def widened(halves: Iterable[_Array], folder: Path) -> list[_Array]:
    """Return the same numbers as float32, in read-only views of a file without a name.

    Args:
        halves: Arrays of uint16, each item the upper half of a float32.
        folder: The folder of the file, which needs twice the room of the arrays.

    Raises:
        OSError: The folder has no room.
    """
    halves = list(halves)
    with tempfile.TemporaryFile(dir=folder) as file:
        for half in halves:
            for block in flat_blocks(half):
                file.write((block.astype("<u4") << np.uint32(16)).data)
        file.write(b"\0")  # an empty file cannot be mapped
        file.flush()
        mapping = map_file(file)
    starts = np.cumsum([0, *(2 * half.nbytes for half in halves)])
    return [
        np.ndarray(half.shape, "<f4", buffer=mapping, offset=int(start))
        for half, start in zip(halves, starts, strict=False)
    ]
