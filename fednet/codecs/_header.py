"""The header of an encoded update: written in one form, and read without trust in any value."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, Final

import numpy as np

from fednet import limits
from fednet.codecs._codings import Coding, coding_of
from fednet.errors import InvalidModel
from fednet.parameters import ArraySpec, Structure

# NaN both as float64 and as float32, little-endian, so that no acceptable model of bare numbers begins like this.
MAGIC: Final = b"fe\xc0\x7fdn\xf8\x7f"

_LENGTH: Final = struct.Struct("<Q")
_ALIGNMENT_BYTES: Final = 64
_PREFIX_BYTES: Final = len(MAGIC) + _LENGTH.size
_ENTRY_BYTES_MAX: Final = (
    8 * limits.KIB
)  # a name, each letter of which JSON may make twelve, and 32 lengths
_VERSION: Final = 1
_AGAIN: Final = "Send the update again."


@dataclass(frozen=True)
class Base:
    """The model against which an update is encoded: the global model of its task.

    Args:
        structure: The names, shapes and dtypes of its arrays.
        arrays: Its parameters.
        digest: Its digest; both sides must mean the same file.
    """

    structure: Structure
    arrays: Sequence[np.ndarray[Any, Any]]
    digest: str


@dataclass(frozen=True)
class Entry:
    """One array of an encoded update.

    Args:
        spec: Its name, shape and dtype.
        numbers: The name of its coding.
        delta: True if it is coded against the base.

    Raises:
        InvalidModel: There is no such coding for its dtype.
    """

    spec: ArraySpec
    numbers: str
    delta: bool

    @cached_property
    def coding(self) -> Coding:
        """The coding."""
        if found := coding_of(self.spec, self.numbers):
            return found
        raise InvalidModel(
            f"Array {self.spec.name!r} of {self.spec.dtype} is encoded as {self.numbers[:20]!r}, which this version "
            "does not know. Use one version of fednet on both sides."
        )


@dataclass(frozen=True)
class Header:
    """The header of an encoded update.

    Args:
        entries: Its arrays in their order.
        zstd: True if its blocks are compressed.
        base: The digest of its base; "" if no array is coded against one.

    Raises:
        InvalidModel: A model may not have these arrays.
    """

    entries: tuple[Entry, ...]
    zstd: bool
    base: str

    @cached_property
    def structure(self) -> Structure:
        """The names, shapes and dtypes of the arrays."""
        return Structure(tuple(entry.spec for entry in self.entries))


def header_bytes(header: Header) -> bytes:
    """Return a header with everything before it."""
    document = {
        "version": _VERSION,
        "zstd": header.zstd,
        "base": header.base,
        "arrays": [
            {
                "name": entry.spec.name,
                "dtype": entry.spec.dtype,
                "shape": list(entry.spec.shape),
                "numbers": entry.numbers,
                "delta": entry.delta,
            }
            for entry in header.entries
        ],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text = text.ljust(
        -(-(_PREFIX_BYTES + len(text)) // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES - _PREFIX_BYTES
    )
    return MAGIC + _LENGTH.pack(len(text)) + text


def header_bytes_max(arrays: int) -> int:
    """Return the largest size of a header of this many arrays, with everything before it."""
    return limits.KIB + arrays * _ENTRY_BYTES_MAX


def read_header(file: BinaryIO, size_bytes: int, arrays: int) -> tuple[int, Header]:
    """Read the header of a file.

    Args:
        file: The file, at its beginning.
        size_bytes: Its size.
        arrays: The number of arrays of the base; a header of so many is never larger than `header_bytes_max`. JSON may
            take fifty times its size in memory, so a larger one is not read.

    Returns:
        The position of the first block, and the header.

    Raises:
        InvalidModel: The header is not exactly of the form that `fednet.codecs` defines.
    """
    prefix = file.read(_PREFIX_BYTES)
    if len(prefix) < _PREFIX_BYTES or not prefix.startswith(MAGIC):
        raise InvalidModel(f"The encoded update is cut off. {_AGAIN}")
    (length,) = _LENGTH.unpack(prefix[len(MAGIC) :])
    start = _PREFIX_BYTES + length
    if start > min(size_bytes, header_bytes_max(arrays)) or start % _ALIGNMENT_BYTES:
        raise InvalidModel(
            f"The header of the encoded update claims {length} bytes, which the file does not have, or an update of "
            f"{arrays} arrays does not need. {_AGAIN}"
        )
    try:
        document = json.loads(file.read(length), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise InvalidModel(
            f"The header of the encoded update is not valid JSON: {error}. {_AGAIN}"
        ) from error
    return start, _header_of(document)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name is there twice")
    return values


def _header_of(document: Any) -> Header:
    match document:
        case {
            "version": version,
            "zstd": bool(zstd),
            "base": str(base),
            "arrays": list(arrays),
            **others,
        } if not others:
            _check_version(version)
        case {"version": version}:
            _check_version(version)
            raise _invalid("values that are missing, too many or of a wrong type")
        case _:
            raise _invalid("no version among its values")
    if len(base) > limits.name_characters_max:
        raise _invalid(f"a base of {len(base)} characters")
    header = Header(tuple(_entry_of(each) for each in arrays), zstd, base)
    _check(header)
    return header


def _check_version(version: Any) -> None:
    if type(version) is not int or version != _VERSION:
        raise InvalidModel(
            f"The values of the encoded update have the version {str(version)[:20]}, but this version of fednet reads "
            f"version {_VERSION}. Use one version of fednet on both sides."
        )


def _check(header: Header) -> None:
    """Check what the values say together; raises InvalidModel."""
    _ = header.structure, [entry.coding for entry in header.entries]
    if len({entry.spec.name for entry in header.entries}) < len(header.entries):
        raise _invalid("two arrays of one name")
    if any(entry.delta for entry in header.entries) != bool(header.base):
        raise _invalid("a base without a delta, or a delta without a base")


def _entry_of(entry: Any) -> Entry:
    match entry:
        case {
            "name": str(name), "dtype": str(dtype), "shape": list(shape), "numbers": str(numbers), "delta": bool(delta),
            **others,
        } if not others and all(type(length) is int for length in shape):  # fmt: skip
            pass
        case _:
            raise _invalid("an array whose values are missing, too many or of a wrong type")
    if len(name) > limits.array_name_characters_max:
        raise _invalid(f"an array's name of {len(name)} characters")
    return Entry(ArraySpec(name, tuple(shape), dtype), numbers, delta)


def _invalid(found: str) -> InvalidModel:
    return InvalidModel(f"The header of the encoded update has {found}. {_AGAIN}")
