"""Codings that round numbers: bfloat16, and 8-bit integers with a scale.

A quantiser turns floats of its working dtype into bytes and back. It may be called for one block at a time.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np

_Array = np.ndarray[Any, Any]

_SCALED_ITEMS: Final = 1_024
_STEPS: Final = 127


class Quantiser(Protocol):
    """A coding of floats in fewer bytes; its errors are stated in `fednet.codecs`.

    Attributes:
        dtype: The working dtype, float32 or float64.
        largest: Numbers beyond this magnitude are not to be encoded.
        item_bytes: The width of the values that compress best when their bytes are grouped.
    """

    dtype: np.dtype[Any]
    largest: float
    item_bytes: int

    def encoded_bytes(self, count: int) -> int:
        """Return the number of bytes of a block."""

    def encode(self, numbers: _Array) -> _Array:
        """Return a block of finite numbers as uint8."""

    def decode(self, data: _Array, count: int) -> _Array:
        """Return the numbers of a block, in a new array."""


class BFloat16(Quantiser):
    """The upper half of each number as float32, rounded to nearest, ties to even.

    Args:
        dtype: The working dtype.
    """

    largest = float(np.finfo(np.float32).max) / 2
    item_bytes = 2

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype

    def encoded_bytes(self, count: int) -> int:
        return 2 * count

    def encode(self, numbers: _Array) -> _Array:
        bits = numbers.astype(np.float32, copy=False).view(np.uint32)
        rounded = bits >> np.uint32(16)
        rounded &= np.uint32(1)
        rounded += np.uint32(0x7FFF)
        rounded += bits
        rounded >>= np.uint32(16)
        return rounded.astype("<u2").view(np.uint8)

    def decode(self, data: _Array, count: int) -> _Array:  # noqa: ARG002  the length of the data says it
        bits = data.view("<u2").astype(np.uint32)
        bits <<= np.uint32(16)
        with np.errstate(
            invalid="ignore"
        ):  # a forged signalling NaN; the caller refuses the number
            return bits.view(np.float32).astype(self.dtype, copy=False)


class Int8(Quantiser):
    """One signed byte for each number, in steps of a scale that 1,024 numbers share.

    Args:
        dtype: The working dtype, and that of the scales.
        largest: See `Quantiser`.
    """

    item_bytes = 1

    def __init__(self, dtype: np.dtype[Any], largest: float) -> None:
        self.dtype = dtype
        self.largest = largest
        self._scale_dtype = dtype.newbyteorder("<")
        self._scale_min = float(np.finfo(dtype).smallest_normal)

    def encoded_bytes(self, count: int) -> int:
        return _rows(count) * self.dtype.itemsize + count

    def encode(self, numbers: _Array) -> _Array:
        rows = self._padded(numbers)
        peaks = np.maximum(rows.max(1), -rows.min(1))
        # Never zero nor subnormal, so that the division below is exact enough and stays within the steps.
        scales = np.maximum(peaks / self.dtype.type(_STEPS), self.dtype.type(self._scale_min))
        steps = np.rint(rows / scales[:, None]).astype(np.int8)
        head = scales.astype(self._scale_dtype).view(np.uint8)
        return np.concatenate([head, steps.reshape(-1)[: numbers.size].view(np.uint8)])

    def decode(self, data: _Array, count: int) -> _Array:
        head = _rows(count) * self.dtype.itemsize
        scales = data[:head].view(self._scale_dtype).astype(self.dtype)
        rows = self._padded(data[head:].view(np.int8))
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # forged scales; the caller refuses the numbers
            rows *= scales[:, None]
        return rows.reshape(-1)[:count]

    def _padded(self, numbers: _Array) -> _Array:
        """Return a copy in the working dtype, as rows of one scale each, the last one filled with zeros."""
        rows = np.zeros(_rows(numbers.size) * _SCALED_ITEMS, self.dtype)
        rows[: numbers.size] = numbers
        return rows.reshape(-1, _SCALED_ITEMS)


def _rows(count: int) -> int:
    return -(-count // _SCALED_ITEMS)
