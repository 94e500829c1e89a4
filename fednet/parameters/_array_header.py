"""Reads the npy header before each array's numbers, and trusts no value in it."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.lib import format as npy

from fednet import limits
from fednet.errors import InvalidModel
from fednet.parameters._structure import ArraySpec

_READERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

ARRAY_START_BYTES_MAX: Final = npy.MAGIC_LEN + limits.array_header_bytes_max
"""The largest number of bytes of a member that its header may take."""

# The form that NumPy writes; others are parsed by NumPy, which takes ten times as long.
_NUMBER: Final = rb"(?:0|[1-9][0-9]{0,18})"
_USUAL: Final = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '([<>|][a-z][0-9]+)', 'fortran_order': (True|False), "
    rb"'shape': \((|" + _NUMBER + rb",|" + _NUMBER + rb"(?:, " + _NUMBER + rb")+)\), \} *\n",
    re.DOTALL,
)
_LENGTH: Final = struct.Struct("<H")
_USUAL_START_BYTES: Final = npy.MAGIC_LEN + _LENGTH.size


@dataclass(frozen=True)
class ArrayHeader:
    """An array's spec and its form in the member: byte order, memory order, header length."""

    spec: ArraySpec
    dtype: np.dtype[Any]
    order: Literal["C", "F"]
    nbytes: int


def read_array_header(start: bytes, name: str) -> ArrayHeader:
    """Read the header at the start of a member.

    Args:
        start: The first ARRAY_START_BYTES_MAX bytes of the inflated member, or all of a shorter one.
        name: The array's key, for messages.

    Raises:
        InvalidModel: The header is invalid, or describes an array that a model may not hold.
    """
    try:
        shape, is_fortran, dtype, nbytes = _usual(start) or _by_numpy(start)
    except Exception as error:  # numpy parses a Python literal, and hostile ones fail in many ways
        raise InvalidModel(
            f"Array {name!r} is not in npy format 1.0 or 2.0. Save the model with numpy.savez."
        ) from error
    spec = ArraySpec(name, shape, dtype.name)
    return ArrayHeader(spec, dtype, "F" if is_fortran else "C", nbytes)


_Parsed: TypeAlias = "tuple[tuple[int, ...], bool, np.dtype[Any], int]"


def _usual(start: bytes) -> _Parsed | None:
    """Parse a header in NumPy's own form; None if it has another one."""
    found = _USUAL.match(start)
    if found is None or found.end() != _USUAL_START_BYTES + _LENGTH.unpack(found[1])[0]:
        return None
    shape = tuple(map(int, found[4].replace(b",", b" ").split()))
    return shape, found[3] == b"True", np.dtype(found[2].decode()), found.end()


def _by_numpy(start: bytes) -> _Parsed:
    stream = io.BytesIO(start)
    reader = _READERS[npy.read_magic(stream)]
    shape, is_fortran, dtype = reader(stream, max_header_size=limits.array_header_bytes_max)
    return tuple(map(int, shape)), is_fortran, dtype, stream.tell()
