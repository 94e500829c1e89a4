"""Writes a model file: as a stream, aligned, the same bytes for the same arrays."""

from __future__ import annotations

import struct
import zipfile
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib import format as npy

from fednet import limits
from fednet.parameters._blocks import BlockArray, flat_blocks
from fednet.parameters._files import written
from fednet.parameters._structure import ArraySpec, Structure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fednet.digests import Digest
    from fednet.parameters._files import Writable

_Array = np.ndarray[Any, Any]


# The zip format's local header: 30 bytes, the name, the extra fields; of a large member 20 more.
_LOCAL_HEADER_BYTES: Final = 30
_ZIP64_FIELD_BYTES: Final = 20
_ZIP64_MEMBER_BYTES_MIN: Final = limits.GIB

# The extra field that zip tools know as padding: its id, its length, the alignment, then zeros.
_PADDING_ID: Final = 0xD935
_PADDING_BYTES_MIN: Final = 6
_ALIGNMENT_BYTES: Final = npy.ARRAY_ALIGN

_UNIX: Final = 3


def write_model(path: Path, arrays: Iterable[_Array]) -> Digest:
    """Write a model file, which appears whole or not at all.

    Args:
        path: The path; an earlier file is replaced.
        arrays: The parameters, read one at a time, so that a generator holds one array at a time.

    Returns:
        The file's size and BLAKE3 digest.

    Raises:
        InvalidModel: A model may not hold such an array, or there are no arrays.
        NotFound: The folder does not exist.
        Unavailable: The file cannot be written.
    """
    with written(path) as file:
        write_model_to(file, arrays)
    return file.digest


def write_model_to(
    file: Writable, arrays: Iterable[_Array | BlockArray], structure: Structure | None = None
) -> None:
    """Write a model in the same bytes to any binary stream, which is never read or sought.

    Args:
        file: The stream.
        arrays: The parameters; a `BlockArray` is made while it is written.
        structure: Has their names; by default "0", "1", …

    Raises:
        InvalidModel: A model may not hold such an array, or there are no arrays.
    """
    stream = _Stream(file)
    specs = []
    names = (spec.name for spec in structure.arrays) if structure else map(str, count())
    with zipfile.ZipFile(stream, "w") as archive:  # type: ignore[call-overload]  # needs only write and flush
        for name, array in zip(names, arrays, strict=False):
            spec = ArraySpec.of(name, array)
            _write_member(archive, stream.size_bytes, spec, array)
            specs.append(spec)
    Structure(tuple(specs))  # refuses no arrays and too many


class _Stream:
    """A stream for zipfile that counts bytes and cannot seek, so that zipfile rewrites nothing."""

    def __init__(self, file: Writable) -> None:
        self._file = file
        self.size_bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        self._file.write(data)
        self.size_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: the owner of the file flushes it."""


def _write_member(
    archive: zipfile.ZipFile, offset: int, spec: ArraySpec, array: _Array | BlockArray
) -> None:
    little = array.dtype.newbyteorder("<")  # one form for equal arrays
    is_large = spec.nbytes >= _ZIP64_MEMBER_BYTES_MIN
    info = zipfile.ZipInfo(f"{spec.name}.npy")
    info.create_system = _UNIX
    info.extra = _padding(
        offset + _LOCAL_HEADER_BYTES + len(info.filename.encode()) + is_large * _ZIP64_FIELD_BYTES
    )
    with archive.open(info, "w", force_zip64=is_large) as member:
        npy.write_array_header_1_0(member, _header(spec, little))
        for block in flat_blocks(array):
            member.write(block.astype(little, copy=False).view(np.uint8).data)


def _header(spec: ArraySpec, dtype: np.dtype[Any]) -> dict[str, Any]:
    return {"shape": spec.shape, "fortran_order": False, "descr": npy.dtype_to_descr(dtype)}


def _padding(offset: int) -> bytes:
    """Return the extra field that aligns a member's data, which would begin at `offset` without it.

    The npy header's length is a multiple of the alignment, so the numbers are aligned as well.
    """
    length = -offset % _ALIGNMENT_BYTES
    if length < _PADDING_BYTES_MIN:
        length += _ALIGNMENT_BYTES
    field = struct.pack("<HHH", _PADDING_ID, length - 4, _ALIGNMENT_BYTES)
    return field.ljust(length, b"\0")
