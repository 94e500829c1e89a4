"""Exact weighted sums of integers: nothing is rounded before the mean, whatever the weights and their order.

A weight is a float64, so it is a whole number of some power of two, and so is its product with an integer. A sum is
kept in digits of 16 bits. Each digit is an array of int64 in the shape of the summed arrays, so it has room for the
carries of many updates. Whole weights below 65,536 need one digit for integers of up to 32 bits, and two for those of
64 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import numpy as np

from fednet.aggregation._rounding import round_into
from fednet.errors import InvalidModel
from fednet.parameters import blocks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_Array = np.ndarray[Any, Any]
Digits: TypeAlias = "Sequence[tuple[int, int]]"
"""The digits of a weight: their places and values."""

_DIGIT_BITS: Final = 16
_DIGIT_MAX: Final = (1 << _DIGIT_BITS) - 1
_PART_BITS: Final = 32
_PART_PLACES: Final = _PART_BITS // _DIGIT_BITS
_CARRIED_MAX: Final = 1 << _PART_BITS  # of a digit in a saved sum
_ADDITIONS_MAX: Final = 1 << 14  # each adds at most 2**48 to a digit
_WORD_MAX: Final = 1 << 61  # sums and divisors below it are divided as int64
DIGITS_MAX: Final = 100
"""The largest number of digits of a sum: the smallest float64 is 2**-1074, and the largest weight 2**53."""


class ExactSum:
    """A weighted sum of arrays of integers or booleans.

    Floats are summed, too, if a client sends them for an array of integers: they count to the 64th binary place, and
    between -2**63 and 2**64.

    Args:
        shape: The shape of the arrays.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._digits: dict[int, _Array] = {0: np.zeros(shape, np.int64)}  # by place
        self._additions = 0

    @property
    def first_place(self) -> int:
        """The place of the lowest digit; a digit at place k counts 2**(16 k)."""
        return min(self._digits)

    def add(self, array: _Array, weight: Digits) -> None:
        """Add an array times its weight, exactly.

        Args:
            array: Integers, booleans or finite floats.
            weight: The digits of the weight, from `digits_of`.
        """
        self._make_room(1)
        places = _part_places(array.dtype)
        totals = [self._digit(place + of_weight) for of_weight, _ in weight for place in places]
        for numbers, *targets in blocks(array, *totals):
            parts = _parts(numbers)
            products = (part * digit for _, digit in weight for part in parts)
            for target, product in zip(targets, products, strict=True):
                np.add(target, product, out=target)
        self._additions += 1

    def merge(self, other: Self) -> None:
        """Add another sum, which stays unchanged."""
        self._make_room(other._additions)
        for place, digit in other._digits.items():
            total = self._digit(place)
            np.add(total, digit, out=total)
        self._additions += other._additions

    def mean_into(self, target: _Array, weight: ExactSum) -> None:
        """Divide the sum by the sum of the weights, and round it once: to the nearest integer, ties to even.

        Args:
            target: Receives the mean, within the range of its dtype; a boolean is true above one half.
            weight: The same sum of ones.
        """
        first = min(self.first_place, weight.first_place)
        divisor = weight.whole(first)
        digits = {place - first: digit for place, digit in self._digits.items() if digit.any()}
        for made, *parts in blocks(target, *digits.values()):
            total = _joined(dict(zip(digits, parts, strict=True)), made.shape)
            round_into(made, _divided(total, divisor, made.dtype.kind))

    def whole(self, first: int) -> int:
        """Return a sum of scalars as a whole number of 2**(16 first)."""
        return sum(
            int(digit) << _DIGIT_BITS * (place - first) for place, digit in self._digits.items()
        )

    def saved(self) -> _Array:
        """Return the digits for a file, int64, the lowest one first; `loaded` reads them."""
        self._carry()
        places = range(self.first_place, max(self._digits) + 1)
        zeros = np.zeros(self._shape, np.int64)
        return np.stack([self._digits.get(place, zeros) for place in places])

    def loaded(self, saved: _Array, first_place: int) -> Self:
        """Fill this empty sum with saved digits, as views, and return it.

        Raises:
            InvalidModel: They are not the digits of such a sum.
        """
        fits = saved.shape[1:] == self._shape and 1 <= len(saved) <= DIGITS_MAX
        if saved.dtype != np.int64 or not fits or not -DIGITS_MAX < first_place < DIGITS_MAX:
            raise InvalidModel(
                "The saved sum of integers has another shape than the model's array."
            )
        if _largest(saved) > _CARRIED_MAX:
            raise InvalidModel("The saved sum of integers has digits that are too large.")
        self._digits = {first_place + place: digit for place, digit in enumerate(saved)}
        self._additions = 1
        return self

    def _digit(self, place: int) -> _Array:
        """Return the digit at a place to add to; one in a mapped file is copied."""
        digit = self._digits.get(place)
        if digit is None:
            digit = np.zeros(self._shape, np.int64)
        elif not digit.flags.writeable:
            digit = digit.copy()
        self._digits[place] = digit
        return digit

    def _make_room(self, additions: int) -> None:
        if self._additions + additions > _ADDITIONS_MAX:
            self._carry()

    def _carry(self) -> None:
        """Bring each digit but the highest one below 2**16, and the highest one below 2**32."""
        place = self.first_place
        while place < max(self._digits) or _largest(self._digits[place]) >= _CARRIED_MAX:
            for low, high in blocks(self._digit(place), self._digit(place + 1)):
                np.add(high, low >> _DIGIT_BITS, out=high)
                np.bitwise_and(low, _DIGIT_MAX, out=low)
            place += 1
        self._additions = 1


def digits_of(weight: float) -> Digits:
    """Return the places and values of the digits of a finite weight above zero, without those that are zero."""
    number, divisor = weight.as_integer_ratio()
    binary_places = divisor.bit_length() - 1
    below_point = -(-binary_places // _DIGIT_BITS)
    number <<= below_point * _DIGIT_BITS - binary_places
    places = range(-(-number.bit_length() // _DIGIT_BITS))
    digits = ((number >> _DIGIT_BITS * place) & _DIGIT_MAX for place in places)
    return [(place - below_point, digit) for place, digit in enumerate(digits) if digit]


def _part_places(dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the places of the parts of 32 bits into which numbers of a dtype are divided."""
    if dtype.kind == "f":
        return (-2 * _PART_PLACES, -_PART_PLACES, 0, _PART_PLACES)
    return (0, _PART_PLACES) if dtype.itemsize > _PART_BITS // 8 else (0,)


def _parts(numbers: _Array) -> list[_Array]:
    """Return numbers in parts of at most 32 bits, int64, the lowest one first."""
    if numbers.dtype.kind == "f":
        return _float_parts(np.clip(numbers.astype(np.float64), -(2.0**63), 2.0**64))
    if numbers.dtype.itemsize <= _PART_BITS // 8:
        return [numbers.astype(np.int64)]
    native = numbers.astype(numbers.dtype.newbyteorder("="), copy=False)
    low, high = (
        native & native.dtype.type(_CARRIED_MAX - 1),
        native >> native.dtype.type(_PART_BITS),
    )
    return [low.astype(np.int64), high.astype(np.int64)]


def _float_parts(numbers: _Array) -> list[_Array]:
    """Return floats in the same way, with two parts below the binary point; each part has the number's sign."""
    parts = [np.trunc(numbers / _CARRIED_MAX)]
    rest = numbers - parts[0] * _CARRIED_MAX
    for _ in range(3):
        parts.insert(0, np.trunc(rest))
        rest = (rest - parts[0]) * _CARRIED_MAX
    return [part.astype(np.int64) for part in parts]


def _joined(digits: Mapping[int, _Array], shape: tuple[int, ...]) -> _Array:
    """Return sums as whole numbers: int64 if they surely fit, else Python's integers."""
    bound = sum(_largest(digit) << _DIGIT_BITS * place for place, digit in digits.items())
    kind = np.int64 if bound < _WORD_MAX else object
    total = np.zeros(shape, kind)
    for place, digit in digits.items():
        total += digit.astype(kind) << _DIGIT_BITS * place
    return total


def _divided(total: _Array, divisor: int, kind: str) -> _Array:
    """Return the rounded quotients; for booleans, those above one half."""
    if divisor >= _WORD_MAX:
        total = total.astype(object)
    if kind == "b":
        return np.asarray(2 * total > divisor, np.int64)
    below = total // divisor
    twice = 2 * (total - below * divisor)
    is_up = (twice > divisor) | ((twice == divisor) & (below % 2 == 1))
    return np.asarray(below + is_up.astype(np.int64))


def _largest(numbers: _Array) -> int:
    """Return the largest absolute value of some integers; 0 without any."""
    return max(abs(int(numbers.max())), abs(int(numbers.min()))) if numbers.size else 0
