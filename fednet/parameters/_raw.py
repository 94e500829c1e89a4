"""Model files of bare numbers: one flat vector, little-endian, without a header.

binaryhelper has float64, androidhelper float32. Several arrays are written one after the other and read as one
vector; only its length can be checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fednet.errors import InvalidModel
from fednet.parameters._blocks import BlockArray, flat_blocks
from fednet.parameters._files import file_errors
from fednet.parameters._mapped import map_file
from fednet.parameters._model_file import ModelFile, check_bytes
from fednet.parameters._structure import ArraySpec, Structure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fednet.parameters._files import Writable

_Array = np.ndarray[Any, Any]


def open_raw(
    path: Path, dtype: str, *, expected_bytes: int | None = None, writable: bool = False
) -> ModelFile:
    """Open a file of numbers as one vector; see `open_model`.

    Raises:
        InvalidModel: The file is empty, or its size is not a multiple of a number's size.
        NotFound: The file does not exist.
        Unavailable: The file cannot be read.
    """
    with file_errors(path), path.open("rb") as file:
        size_bytes, item_bytes = path.stat().st_size, np.dtype(dtype).itemsize
        if size_bytes == 0 or size_bytes % item_bytes:
            raise InvalidModel(
                f"{path.name} has {size_bytes} bytes, which is not a vector of {dtype}: write the "
                f"parameters one after the other, each in {item_bytes} bytes."
            )
        structure = Structure((ArraySpec("0", (size_bytes // item_bytes,), dtype),))
        check_bytes(structure, expected_bytes)
        little = np.dtype(dtype).newbyteorder("<")
        shape = structure.arrays[0].shape
        mapping = map_file(file, writable=writable)
        return ModelFile(structure, [np.ndarray(shape, little, buffer=mapping)])


def write_raw_to(file: Writable, dtype: str, arrays: Iterable[_Array | BlockArray]) -> None:
    """Write arrays as numbers one after the other.

    Raises:
        InvalidModel: There are no arrays, or one does not hold numbers.
    """
    count = 0
    for array in arrays:
        for block in flat_blocks(array):
            _write_block(file, block, dtype)
            count += block.size
    if count == 0:
        raise InvalidModel("The model has no parameters: give at least one array.")


def _write_block(file: Writable, block: _Array, dtype: str) -> None:
    if block.dtype.kind not in "fiub":
        raise InvalidModel(f"An array has dtype {block.dtype}: use arrays of numbers.")
    # A number that is too large for the dtype becomes infinite, and is refused later.
    with np.errstate(over="ignore"):
        numbers = block.astype(np.dtype(dtype).newbyteorder("<"), copy=False)
    file.write(numbers.view(np.uint8).data)
