"""Numbers of the type bfloat16, which NumPy lacks: each is the upper half of a float32."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from fednet.parameters._blocks import flat_blocks
from fednet.parameters._mapped import map_written

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_Array = np.ndarray[Any, Any]


def widened(halves: Sequence[_Array], folder: Path) -> list[_Array]:
    """Return the same numbers as float32, in read-only views of a file without a name.

    Args:
        halves: Arrays of uint16, each item the upper half of a float32.
        folder: The folder of the file, which needs twice the room of the arrays.

    Raises:
        OSError: The folder has no room.
    """
    mapping, starts = map_written(folder, [partial(_write, half) for half in halves])
    return [
        np.ndarray(half.shape, "<f4", buffer=mapping, offset=start)
        for half, start in zip(halves, starts, strict=True)
    ]


def _write(half: _Array, file: BinaryIO) -> None:
    file.writelines((block.astype("<u4") << np.uint32(16)).data for block in flat_blocks(half))
