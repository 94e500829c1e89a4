"""Exact discrete Gaussian noise from a cryptographic stream.

The method is that of Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020,
arXiv:2004.00010, algorithms 1 to 3: numbers of a discrete Laplace distribution are drawn, and some of them rejected.
Its scale is the power of two next to the standard deviation; any scale is correct.

Many numbers are drawn at once, and no approximation changes their distribution. Each decision compares a uniform number
with an exponential, first in float64. If they are too close to decide (once in 2**35 decisions), more bits of the
uniform number are drawn, and the exponential of the exact fraction is computed with as many digits, until the decision
is certain. So the attacks on the gaps between floating-point numbers (Mironov, CCS 2012) do not apply. The margin is
1,000 times the largest error of the computation in float64, with an `exp` and a `log` that are off by at most a few
units in the last place.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from fednet import limits
from fednet.errors import InvalidInput
from fednet.secure.masks import KEY_BYTES, MaskKey, key_stream

if TYPE_CHECKING:
    from collections.abc import Callable

_Array = np.ndarray[Any, Any]

_WORD_BITS: Final = 64
_FRACTION_BITS: Final = 53
_UNIT: Final = 2.0**-_FRACTION_BITS
_MARGIN: Final = 2.0**-36
_SPARE_DIGITS: Final = (
    10  # by which the error of a computation with decimals stays below its last digit
)
_PIECE_ITEMS: Final = 8192  # drawn at once, so that all arrays stay in the cache
_TRIALS: Final = 2.5  # for each number, of which two fifths at least are accepted


@dataclass(frozen=True)
class _Law:
    """The distribution of the numbers.

    Attributes:
        bits: The scale of the discrete Laplace distribution is 2 to this power.
        variance: The square of the standard deviation, exactly.
    """

    bits: int
    variance: Fraction

    @classmethod
    def of(cls, deviation: float) -> Self:
        """Return the distribution with a standard deviation, but for its discreteness."""
        if not 0 < deviation <= 2.0**limits.noise_bits_max:
            raise InvalidInput(
                f"The noise has a standard deviation of {deviation:g} steps; it must be above 0 and at most "
                f"2**{limits.noise_bits_max}. Use other noise, or a smaller ring.",
                field="noise_deviation",
            )
        return cls(max(0, round(math.log2(deviation))), Fraction(deviation) ** 2)

    @property
    def scale(self) -> int:
        """The scale of the discrete Laplace distribution."""
        return 1 << self.bits

    def exponents(self, sizes: _Array) -> _Array:
        """Return x for each absolute value: a number is accepted with probability exp(-x)."""
        steps = sizes - float(self.variance / self.scale)
        return steps * steps / float(2 * self.variance)

    def exponent(self, size: int) -> Fraction:
        """Return x for one absolute value, exactly."""
        return (size - self.variance / self.scale) ** 2 / (2 * self.variance)


class DiscreteGaussian:
    """A stream of discrete Gaussian numbers; the same key gives the same numbers.

    Args:
        key: 32 bytes, used for no other stream; by default new ones from the operating system.

    Raises:
        MissingExtra: The library cryptography is not installed here.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._stream = key_stream(MaskKey(key or secrets.token_bytes(KEY_BYTES)), "chacha20")

    def draw(self, deviation: float, count: int) -> _Array:
        """Return the next numbers of the stream, int64.

        Args:
            deviation: s, if a number z has a probability in proportion to exp(-z² / 2s²).
            count: Their number.

        Raises:
            InvalidInput: The deviation is out of range.
        """
        law, found, missing = _Law.of(deviation), [np.empty(0, np.int64)], count
        while missing > 0:
            piece = min(missing, _PIECE_ITEMS)
            made = self._accepted(law, math.ceil(_TRIALS * piece))[:piece]
            found.append(made)
            missing -= made.size
        return np.concatenate(found)

    def _accepted(self, law: _Law, trials: int) -> _Array:
        """Return the numbers that remain of so many trials."""
        numbers = self._laplace(law, trials)
        sizes = np.abs(numbers)
        is_kept = self._with_probability(
            law.exponents(sizes), lambda at: law.exponent(int(sizes[at]))
        )
        kept: _Array = numbers[is_kept]
        return kept

    def _laplace(self, law: _Law, trials: int) -> _Array:
        """Return numbers with probabilities in proportion to exp(-|z| / scale)."""
        rests = (self._words(trials) >> 1) >> (_WORD_BITS - 1 - law.bits)
        is_kept = self._with_probability(
            rests / law.scale, lambda at: Fraction(int(rests[at]), law.scale)
        )
        rests = rests[is_kept].astype(np.int64)
        words = self._words(rests.size)
        sizes = (self._wholes(_uniform(words)) << law.bits) + rests
        is_negative = (words & 1).astype(np.bool_)
        numbers = np.where(is_negative, -sizes, sizes)
        kept: _Array = numbers[~is_negative | (sizes > 0)]  # zero has one sign
        return kept

    def _with_probability(
        self, exponents: _Array, exact: Callable[[int], Fraction]
    ) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return True with probability exp(-x) for each x.

        Args:
            exponents: x, float64, at least 0.
            exact: Returns the exact x at a position.
        """
        uniform, bounds = _uniform(self._words(exponents.size)), np.exp(-exponents)
        is_below: np.ndarray[Any, np.dtype[np.bool_]] = uniform < bounds
        for at in np.flatnonzero(np.abs(uniform - bounds) < _MARGIN).tolist():
            is_below[at] = self._is_below(uniform[at], exact(at))
        return is_below

    def _wholes(self, uniform: _Array) -> _Array:
        """Return the whole part of -log(u) for each u: k or more with probability exp(-k)."""
        logarithms = -np.log(uniform + _UNIT / 2)
        wholes = np.floor(logarithms).astype(np.int64)
        errors = _MARGIN + 2 * _UNIT / (uniform + _UNIT)
        for at in np.flatnonzero(np.abs(logarithms - np.rint(logarithms)) < errors).tolist():
            wholes[at] = self._whole(uniform[at])
        return wholes

    def _is_below(self, uniform: float, exponent: Fraction) -> bool:
        """Return True if a uniform number of which 53 bits are known is below exp(-x)."""
        number = _Refined.of(uniform)
        while True:
            number = number.longer(self._words(1))
            with localcontext(prec=number.digits):
                bound = (-Decimal(exponent.numerator) / exponent.denominator).exp()
                low, high = number.interval()
                if high <= bound or low >= bound:
                    return high <= bound

    def _whole(self, uniform: float) -> int:
        """Return the whole part of -log(u) for a uniform number of which 53 bits are known."""
        number = _Refined.of(uniform)
        while True:
            number = number.longer(self._words(1))
            with localcontext(prec=number.digits):
                low, high = number.interval()
                if low > 0 and (whole := math.floor(-high.ln())) == math.floor(-low.ln()):
                    return whole

    def _words(self, count: int) -> _Array:
        return np.frombuffer(self._stream.update(bytes(count * _WORD_BITS // 8)), "<u8")


@dataclass(frozen=True)
class _Refined:
    """A uniform number of which some bits are known.

    Attributes:
        known: The known bits, as a whole number.
        bits: Their number.
    """

    known: int
    bits: int

    @classmethod
    def of(cls, uniform: float) -> Self:
        """Return the number whose first 53 bits are these."""
        return cls(int(uniform / _UNIT), _FRACTION_BITS)

    def longer(self, words: _Array) -> _Refined:
        """Return the same number with 64 bits more."""
        return _Refined((self.known << _WORD_BITS) | int(words[0]), self.bits + _WORD_BITS)

    @property
    def digits(self) -> int:
        """The decimal digits with which to compute."""
        return math.ceil(self.bits * math.log10(2)) + 2 * _SPARE_DIGITS

    def interval(self) -> tuple[Decimal, Decimal]:
        """Return an interval with the number in it, wider than the error of computations with so many digits."""
        error = Decimal(10) ** (_SPARE_DIGITS - self.digits)
        one = Decimal(1 << self.bits)
        return self.known / one - error, (self.known + 1) / one + error


def _uniform(words: _Array) -> _Array:
    """Return multiples of 2**-53, at least 0 and below 1; the lowest 11 bits of the words are not used."""
    return (words >> (_WORD_BITS - _FRACTION_BITS)) * _UNIT
