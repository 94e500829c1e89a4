"""Vectors of integers modulo an order, exact for orders of any size.

A vector of n numbers is an array of uint64 of shape (digits, n), the least digit first. An order below 2**63 needs one
digit; larger ones have digits of 32 bits, so that sums and borrows of two digits fit in 64 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fednet import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Numbers: TypeAlias = NDArray[np.uint64]
Flags: TypeAlias = NDArray[np.bool_]

_DIGIT_BITS: Final = 32
_DIGIT_BYTES: Final = 4
_SINGLE_BYTES: Final = 8
_LOW: Final = np.uint64(2**_DIGIT_BITS - 1)
_SHIFT: Final = np.uint64(_DIGIT_BITS)


@dataclass(frozen=True)
class Modulus:
    """Arithmetic on vectors of numbers below `order`."""

    order: int

    @cached_property
    def digits(self) -> int:
        """The number of digits of a number."""
        return 1 if self.order < 2**63 else -(-self.order.bit_length() // _DIGIT_BITS)

    def zeros(self, length: int) -> Numbers:
        """Return `length` zeros."""
        return np.zeros((self.digits, length), np.uint64)

    def of_ints(self, values: Iterable[int]) -> Numbers:
        """Return integers, each of at least 0 and below 2**63 or the size of the order."""
        width = self.digits * (_SINGLE_BYTES if self.digits == 1 else _DIGIT_BYTES)
        data = b"".join(value.to_bytes(width, "little") for value in values)
        return self.of_bytes(data, width)

    def to_ints(self, numbers: Numbers) -> list[int]:
        """Return the numbers as Python's integers."""
        if self.digits == 1:
            return [int(number) for number in numbers[0].tolist()]
        width = self.digits * _DIGIT_BYTES
        data = self.to_bytes(numbers, width)
        ends = range(width, len(data) + 1, width)
        return [int.from_bytes(data[end - width : end], "little") for end in ends]

    def to_array(self, numbers: Numbers) -> NDArray[Any]:
        """Return the numbers as an array of shape (n,), of uint64 or of Python's integers."""
        several = self.digits > 1
        values: NDArray[Any] = np.array(self.to_ints(numbers), object) if several else numbers[0]
        return values

    def of_bytes(self, data: bytes | memoryview, width: int) -> Numbers:
        """Return numbers of `width` little-endian bytes each; they may be too large, see `are_below`."""
        raw = np.frombuffer(data, np.uint8).reshape(-1, width)
        padded = self._padded(len(raw))
        padded[:, :width] = raw
        if self.digits == 1:
            return padded.view("<u8").reshape(1, -1).astype(np.uint64, copy=False)
        return padded.view("<u4").T.astype(np.uint64, order="C")

    def to_bytes(self, numbers: Numbers, width: int) -> bytes:
        """Return numbers as `width` little-endian bytes each."""
        if self.digits == 1:
            rows = numbers.astype("<u8", copy=False).reshape(-1, 1).view(np.uint8)
        else:
            rows = np.ascontiguousarray(numbers.T.astype("<u4")).view(np.uint8)
        return rows[:, :width].tobytes()

    def of_uint64(self, values: Numbers) -> Numbers:
        """Return numbers of shape (n,), each below 2**63."""
        if self.digits == 1:
            return values.reshape(1, -1)
        numbers = self.zeros(len(values))
        numbers[0], numbers[1] = values & _LOW, values >> _SHIFT
        return numbers

    def are_below(self, numbers: Numbers, limit: int | None = None) -> Flags:
        """Return for each number if it is below a limit, by default the order."""
        bounds = self._digits_of(self.order if limit is None else limit)
        below: Flags = numbers[0] < np.uint64(bounds[0])
        for digit, bound in zip(numbers[1:], bounds[1:], strict=True):
            below = (digit < bound) | ((digit == bound) & below)
        return below

    def add(self, total: Numbers, numbers: Numbers) -> None:
        """Add numbers to a total, in place."""
        for part in _parts(total):
            self._settle(total[:, part], numbers[:, part])

    def subtract(self, total: Numbers, numbers: Numbers) -> None:
        """Subtract numbers from a total, in place; one number of shape (digits, 1) is subtracted from each."""
        for part in _parts(total):
            subtracted = numbers if numbers.shape[1] == 1 else numbers[:, part]
            self._settle(total[:, part], self.column(self.order) - subtracted)

    def _settle(self, total: Numbers, added: Numbers) -> None:
        """Add digits, which may be negative, and bring the sum below the order."""
        total += added
        _carry(total)
        total -= self.column(self.order) * ~self.are_below(total)
        _carry(total)

    def _padded(self, length: int) -> NDArray[np.uint8]:
        width = _SINGLE_BYTES if self.digits == 1 else self.digits * _DIGIT_BYTES
        return np.zeros((length, width), np.uint8)

    def _digits_of(self, value: int) -> list[int]:
        if self.digits == 1:
            return [value]
        return [value >> (_DIGIT_BITS * place) & int(_LOW) for place in range(self.digits)]

    def column(self, value: int) -> Numbers:
        """Return one number, of shape (digits, 1)."""
        return np.array(self._digits_of(value), np.uint64).reshape(-1, 1)


def _carry(numbers: Numbers) -> None:
    """Move overflow and borrow of each digit to the next one; a borrow shows as a huge digit."""
    for place in range(len(numbers) - 1):
        numbers[place + 1] += (numbers[place].view(np.int64) >> _DIGIT_BITS).view(np.uint64)
        numbers[place] &= _LOW


def _parts(numbers: Numbers) -> Iterator[slice]:
    """Yield slices that fit in the cache, so that memory and time stay low for any length."""
    count = max(1, limits.xaynet_block_bytes // (_SINGLE_BYTES * len(numbers)))
    yield from (slice(start, start + count) for start in range(0, numbers.shape[1], count))
