"""Reads the npy header before each array's numbers, and trusts no value in it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, Literal

from numpy.lib import format as npy

from fednet import limits
from fednet.errors import InvalidModel
from fednet.parameters._structure import ArraySpec

if TYPE_CHECKING:
    import numpy as np

_READERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True)
class ArrayHeader:
    """An array's spec and its form in the member: byte order, memory order, header length."""

    spec: ArraySpec
    dtype: np.dtype[Any]
    order: Literal["C", "F"]
    nbytes: int


def read_array_header(stream: IO[bytes], name: str) -> ArrayHeader:
    """Read the header at the start of a member, at most as many bytes as a header may have.

    Args:
        stream: The inflated member.
        name: The array's key, for messages.

    Raises:
        InvalidModel: The header is invalid, or describes an array that a model may not hold.
    """
    # numpy reads as many bytes as the header claims before it checks its own limit.
    start = io.BytesIO(stream.read(npy.MAGIC_LEN + limits.array_header_bytes_max))
    try:
        reader = _READERS[npy.read_magic(start)]
        shape, is_fortran, dtype = reader(start, max_header_size=limits.array_header_bytes_max)
    except Exception as error:  # numpy parses a Python literal, and hostile ones fail in many ways
        raise InvalidModel(
            f"Array {name!r} is not in npy format 1.0 or 2.0. Save the model with numpy.savez."
        ) from error
    spec = ArraySpec(name, tuple(map(int, shape)), dtype.name)
    return ArrayHeader(spec, dtype, "F" if is_fortran else "C", start.tell())
