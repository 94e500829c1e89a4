"""Writes an encoded update as a stream, a block at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fednet.codecs._blocks import CODEC_BLOCK_ITEMS, Flat, spans
from fednet.codecs._codings import coding_of
from fednet.codecs._header import Base, Entry, Header, header_bytes, header_bytes_max
from fednet.codecs._zstd import LENGTH, Compressor
from fednet.parameters import Structure, check_structure
from fednet.update_codec import PLAIN, UpdateCodec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fednet.parameters import ArraySpec, Writable

_Array = np.ndarray[Any, Any]


def write_encoded_to(
    file: Writable,
    codec: UpdateCodec,
    arrays: Sequence[_Array],
    structure: Structure,
    base: Base,
) -> None:
    """Write an update to a stream; memory stays at some blocks.

    Args:
        file: The stream.
        codec: The codec.
        arrays: The update's parameters, in any byte and memory order.
        structure: Their names, shapes and dtypes.
        base: The global model.

    Raises:
        InvalidModel: The arrays differ from the base in number, names or shape, or hold numbers that the codec cannot
            hold within its error. What is written by then is of no use.
    """
    check_structure(structure, base.structure)
    specs = zip(structure.arrays, base.structure.arrays, strict=True)
    entries = tuple(_entry(codec, spec, before) for spec, before in specs)
    is_based = any(entry.delta for entry in entries)
    file.write(header_bytes(Header(entries, codec.zstd, base.digest if is_based else "")))
    compressor = Compressor() if codec.zstd else None
    for entry, array, before in zip(entries, arrays, base.arrays, strict=True):
        _write_array(file, entry, array, before if entry.delta else None, compressor)


def encoded_bytes_max(structure: Structure) -> int:
    """Return the largest size of an update of these shapes, whatever its dtypes and codec."""
    blocks = len(structure.arrays) + structure.size // CODEC_BLOCK_ITEMS
    widest = np.dtype(np.float64).itemsize * structure.size
    return header_bytes_max(len(structure.arrays)) + widest + LENGTH.size * blocks


def _entry(codec: UpdateCodec, spec: ArraySpec, before: ArraySpec) -> Entry:
    """Return the entry of an array.

    Numbers that the codec does not round stay as they are; so do those of an array that holds no floats in the global
    model, because they are counters or masks, whatever training made of them.
    """
    is_rounded = before.dtype.startswith("float") and coding_of(spec, codec.numbers)
    numbers = codec.numbers if is_rounded else PLAIN
    is_comparable = numbers != PLAIN or before.dtype == spec.dtype
    return Entry(spec, numbers, delta=codec.delta and is_comparable)


def _write_array(
    file: Writable,
    entry: Entry,
    array: _Array,
    before: _Array | None,
    compressor: Compressor | None,
) -> None:
    coding = entry.coding
    numbers = Flat(array, entry.spec.dtype)
    base = None if before is None else Flat(before, coding.base_dtype)
    for span in spans(entry.spec.size):
        block = coding.encode(numbers.block(span), base.block(span) if base else None)
        file.write(compressor.pack(block, coding.item_bytes) if compressor else block.data)
