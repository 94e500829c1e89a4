"""Blocks compressed by zstd (RFC 8878); the memory to decompress one is bounded before it is allocated."""

from __future__ import annotations

import struct
import sys
from typing import Any, Final

import numpy as np

from fednet.errors import InvalidModel

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_Array = np.ndarray[Any, Any]

LENGTH: Final = struct.Struct("<I")

_LEVEL: Final = 1
_WINDOW_BITS: Final = 18  # a block of 32,768 float64 has 256 KiB


class Compressor:
    """A compressor of blocks, for one thread."""

    def __init__(self) -> None:
        self._zstd = zstd.ZstdCompressor(
            options={
                zstd.CompressionParameter.compression_level: _LEVEL,
                zstd.CompressionParameter.window_log: _WINDOW_BITS,
            }
        )

    def pack(self, block: _Array, item_bytes: int) -> bytes:
        """Return a block behind its length: compressed, or as it is where that is shorter.

        Args:
            block: uint8.
            item_bytes: The width of the values whose bytes are grouped.
        """
        grouped = _transposed(block, item_bytes).data
        packed = self._zstd.compress(grouped, zstd.ZstdCompressor.FLUSH_FRAME)
        shorter = packed if len(packed) < block.size else block.tobytes()
        return LENGTH.pack(len(shorter)) + shorter


def unpacked(packed: memoryview, size_bytes: int, item_bytes: int) -> _Array:
    """Return the bare bytes of a block, as uint8.

    Args:
        packed: The block without its length.
        size_bytes: The number of bare bytes; at most as much memory is allocated.
        item_bytes: The width of the values whose bytes are grouped.

    Raises:
        InvalidModel: The block is not exactly one zstd frame of this size.
    """
    if len(packed) == size_bytes:
        return np.frombuffer(packed, np.uint8)
    grouped = np.frombuffer(_decompressed(packed, size_bytes), np.uint8)
    return _transposed(grouped, size_bytes // item_bytes)


def _decompressed(packed: memoryview, size_bytes: int) -> bytes:
    frame = zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: _WINDOW_BITS}
    )
    try:
        data = frame.decompress(packed, size_bytes + 1)
    except zstd.ZstdError as error:
        raise InvalidModel(f"A block of the update is no zstd frame: {error}.") from error
    if len(data) != size_bytes or not frame.eof or frame.unused_data:
        raise InvalidModel(f"A block of the update does not decompress to {size_bytes} bytes.")
    return data


def _transposed(data: _Array, columns: int) -> _Array:
    """Return the bytes of a matrix with this number of columns, column after column."""
    if columns in {1, data.size}:
        return data
    return np.ascontiguousarray(data.reshape(-1, columns).T).reshape(-1)
