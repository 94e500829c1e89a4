"""The coding of one array: its numbers as they are, or rounded; against the base or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from fednet.codecs._quantisers import BFloat16, Int8, Quantiser
from fednet.errors import InvalidModel

if TYPE_CHECKING:
    from fednet.parameters import ArraySpec

_Array = np.ndarray[Any, Any]

_WORDS: Final = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class Coding(Protocol):
    """The way in which the numbers of one array become bytes, block by block.

    Attributes:
        base_dtype: The dtype in which blocks of the base are needed.
        item_bytes: The width of the values whose bytes are grouped before they are compressed.
    """

    base_dtype: str
    item_bytes: int

    def encoded_bytes(self, count: int) -> int:
        """Return the number of bytes of a block."""

    def encode(self, numbers: _Array, base: _Array | None) -> _Array:
        """Return a block as uint8.

        Args:
            numbers: The block, in the dtype of the array.
            base: The same block of the base; None for a coding without delta.

        Raises:
            InvalidModel: A number cannot be encoded within the error that the coding allows.
        """

    def decode(self, data: _Array, count: int, base: _Array | None) -> _Array:
        """Return the numbers of a block, in the dtype of the array; forged data may give any numbers, also NaN."""


class Exact(Coding):
    """The numbers themselves, or the exclusive or of their bits and those of the base.

    Args:
        dtype: The dtype of the array.
    """

    def __init__(self, dtype: str) -> None:
        self._dtype = np.dtype(dtype)
        self._little = self._dtype.newbyteorder("<")
        self.base_dtype = dtype
        self.item_bytes = self._dtype.itemsize
        self._word = _WORDS[self.item_bytes]

    def encoded_bytes(self, count: int) -> int:
        return count * self.item_bytes

    def encode(self, numbers: _Array, base: _Array | None) -> _Array:
        return self._crossed(numbers, base).astype(self._little, copy=False).view(np.uint8)

    def decode(self, data: _Array, count: int, base: _Array | None) -> _Array:  # noqa: ARG002
        return self._crossed(data.view(self._little).astype(self._dtype, copy=False), base)

    def _crossed(self, numbers: _Array, base: _Array | None) -> _Array:
        if base is None:
            return numbers
        crossed: _Array = numbers.view(self._word) ^ base.view(self._word)
        return crossed.view(self._dtype)


class Rounded(Coding):
    """Rounded numbers, or the rounded differences from the base.

    Args:
        dtype: The dtype of the array.
        quantiser: The way to round.
    """

    def __init__(self, dtype: str, quantiser: Quantiser) -> None:
        self._dtype = np.dtype(dtype)
        self._quantiser = quantiser
        self.base_dtype = quantiser.dtype.name
        self.item_bytes = quantiser.item_bytes

    def encoded_bytes(self, count: int) -> int:
        return self._quantiser.encoded_bytes(count)

    def encode(self, numbers: _Array, base: _Array | None) -> _Array:
        with np.errstate(over="ignore", invalid="ignore"):  # the check below refuses the result
            coded = numbers.astype(self._quantiser.dtype, copy=False)
            self._check(coded)
            if base is not None:
                coded = coded - base
                self._check(coded)
        return self._quantiser.encode(coded)

    def decode(self, data: _Array, count: int, base: _Array | None) -> _Array:
        numbers = self._quantiser.decode(data, count)
        with np.errstate(over="ignore", invalid="ignore"):
            if base is not None:
                numbers += base
            return numbers.astype(self._dtype, copy=False)

    def _check(self, numbers: _Array) -> None:
        largest = max(numbers.max(), -numbers.min())
        if not largest <= self._quantiser.largest:  # false for NaN, too
            raise InvalidModel(
                f"The update holds {largest}, which this codec cannot hold. Check the training data and lower the "
                "learning rate, or start a session with the codec 'plain'."
            )


def coding_of(spec: ArraySpec, numbers: str) -> Coding | None:
    """Return the coding of an array by its name in the header; None if there is none of this name for its dtype."""
    working = np.dtype(np.float64 if spec.dtype == "float64" else np.float32)
    match numbers, spec.dtype:
        case "plain", _:
            return Exact(spec.dtype)
        case "bf16", "float32" | "float64":
            return Rounded(spec.dtype, BFloat16(working))
        case "int8", "float16" | "float32" | "float64":
            return Rounded(spec.dtype, Int8(working, float(np.finfo(spec.dtype).max) / 2))
        case _:
            return None
