"""Numbers of a model as words of a ring, so that masked updates can be added exactly.

The ring is that of the integers modulo 2**32 or 2**64, in two's complement. An update becomes words of it: its
difference to the global model, clipped, weighted, scaled by a power of two, and rounded to the nearest, ties to even.
No word is so large that the sum of as many updates as the terms allow wraps around. The last word is the weight: the
whole number of examples, not scaled. The fewer of the `examples_max` an update has, the coarser are its steps.

Floats have the fraction bits of the terms. Integers and booleans have a quarter of the ring's bits, and are clipped to
what the ring has room for, so that counters such as those of a batch norm may move further than the clip.

With a `norm_clip` all updates count alike: each has the weight 1, its difference over all floats has at most this L2
norm, and integers and booleans are those of the model (see `fednet.privacy`). With a `noise_deviation` each client adds
discrete Gaussian noise to the words of floats (see `fednet.secure.distributed_privacy`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from fednet import limits
from fednet.aggregation import check_weight
from fednet.errors import InvalidInput, InvalidModel
from fednet.parameters import (
    BLOCK_ITEMS,
    ArraySpec,
    BlockArray,
    MadeArray,
    Structure,
    blocks,
    check_finite,
    check_structure,
)
from fednet.privacy import Clipping, check_distance
from fednet.secure.discrete_gaussian import DiscreteGaussian

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fednet.secure.terms import SecureTerms

_Array = np.ndarray[Any, Any]


class IntegerNoise(Protocol):
    """A source of noise in whole numbers."""

    def draw(self, deviation: float, count: int) -> _Array:
        """Return so many numbers, int64, of this standard deviation."""


class _Scale(NamedTuple):
    """The way from a difference to a word: times the factor, but at most so large."""

    factor: float
    word_max: float


class RingQuantiser:
    """Turns updates of one model into words of the ring, and the sum of such words into the mean.

    Args:
        terms: The terms of the session.
        structure: The structure of the global model.

    Raises:
        InvalidInput: The noise of all clients leaves no room for updates; the field is `noise_deviation`.

    Attributes:
        count: The number of words: one for each number of the model, and the weight.
        masked_structure: The structure of a masked update: one array of so many uint32 or uint64.
    """

    def __init__(self, terms: SecureTerms, structure: Structure) -> None:
        self._terms = terms
        self._structure = structure
        self._examples_max = 1 if terms.norm_clip else terms.examples_max
        self._dtype = np.dtype(f"uint{terms.ring_bits}")
        self._signed = np.dtype(f"int{terms.ring_bits}")
        self._word_max = _word_max(terms)
        self.count = structure.size + 1
        self.masked_structure = Structure((ArraySpec("0", (self.count,), self._dtype.name),))

    def quantised(
        self,
        arrays: Sequence[_Array],
        base: Sequence[_Array],
        num_examples: float,
        noise: IntegerNoise | None = None,
    ) -> _Array:
        """Return an update as words of the ring: uint32 or uint64 of shape (count,).

        Args:
            arrays: The update, in the shapes of the model.
            base: The arrays of the global model.
            num_examples: The number of training examples, of which whole ones count, from 1 to `examples_max`.
            noise: The source of the noise that the terms ask for; by default a new one.

        Raises:
            InvalidModel: The shapes differ, a number is not finite, or the number of examples is invalid.
        """
        check_weight(num_examples)
        check_structure(Structure.of(arrays), self._structure)
        check_finite(arrays, self._structure)
        examples = max(1, min(round(num_examples), self._examples_max))
        source = (noise or DiscreteGaussian()) if self._terms.noise_deviation else None
        vector = np.empty(self.count, self._dtype)
        vector[-1] = examples
        share, norm_factor = examples / self._examples_max, self._norm_factor(arrays, base)
        for words, spec, update, before in zip(
            self._by_array(vector), self._structure.arrays, arrays, base, strict=True
        ):
            if not _is_float(spec):
                self._quantise(words, update, before, self._scale_of_integers(share))
                continue
            self._quantise(words, update, before, self._scale_of_floats(share, norm_factor))
            if source:
                self._add_noise(words, source)
        return vector

    def mean(self, vector: _Array, base: Sequence[_Array]) -> tuple[list[BlockArray], int]:
        """Return the mean of updates of which this is the sum, and the sum of their examples.

        Args:
            vector: The sum without masks: uint32 or uint64 of shape (count,).
            base: The arrays of the global model; they and the vector are read whenever the mean is.

        Returns:
            The new model, in blocks: floats as float64, integers and booleans in their dtypes, rounded to the nearest;
            and the examples. With a `norm_clip`, the examples are the number of updates.

        Raises:
            InvalidModel: The sum is impossible, so there are masks in it.
        """
        examples = int(vector[-1])
        if not 0 < examples <= self._terms.clients * self._examples_max:
            raise InvalidModel(
                f"The sum of the masked updates claims {examples} examples, which is impossible: masks were not "
                "removed, or an update had another form. Repeat the round."
            )
        share = examples / self._examples_max
        parts = zip(self._by_array(vector), self._structure.arrays, base, strict=True)
        return [
            self._mean_of(words, spec, before, share) for words, spec, before in parts
        ], examples

    def _mean_of(self, words: _Array, spec: ArraySpec, before: _Array, share: float) -> BlockArray:
        if _is_float(spec):
            step = 1 / (share * 2.0**self._terms.fraction_bits)
            return MadeArray(
                spec.shape, np.dtype(np.float64), lambda: self._moved(words, before, step)
            )
        step = 1 / (share * 2.0**self._integer_bits)
        return MadeArray(
            spec.shape, np.dtype(spec.dtype), lambda: self._counted(words, before, step)
        )

    def _moved(self, words: _Array, before: _Array, step: float) -> Iterator[_Array]:
        """Yield an array of floats after the round: the base plus so many steps."""
        for signed, numbers in blocks(words.view(self._signed), before):
            made = np.multiply(signed, step, dtype=np.float64)
            yield np.add(made, numbers, out=made).reshape(-1)

    def _counted(self, words: _Array, before: _Array, step: float) -> Iterator[_Array]:
        """Yield an array of integers or booleans after the round."""
        for signed, numbers in blocks(words.view(self._signed), before):
            exact = np.multiply(signed, step, dtype=np.longdouble)
            yield _as_integers(np.add(exact, numbers, out=exact), before.dtype).reshape(-1)

    @property
    def _integer_bits(self) -> int:
        return self._terms.ring_bits // 4

    def _scale_of_floats(self, share: float, norm_factor: float) -> _Scale:
        one = share * 2.0**self._terms.fraction_bits
        return _Scale(one * norm_factor, min(one * self._terms.clip, _at_most(self._word_max)))

    def _scale_of_integers(self, share: float) -> _Scale:
        factor = 0.0 if self._terms.norm_clip else share * 2.0**self._integer_bits
        return _Scale(factor, _at_most(self._word_max))

    def _norm_factor(self, arrays: Sequence[_Array], base: Sequence[_Array]) -> float:
        """Return the factor by which the difference becomes no longer than `norm_clip`, if there is one."""
        if not self._terms.norm_clip:
            return 1.0
        norm = Clipping(self._structure, base).norm(arrays)
        check_distance(norm)
        return min(1.0, self._terms.norm_clip / norm) if norm else 1.0

    def _quantise(self, words: _Array, update: _Array, before: _Array, scale: _Scale) -> None:
        """Write the words of one array; only integers need more than the precision of float64."""
        exact = np.dtype(np.float64 if before.dtype.kind == "f" else np.longdouble)
        scratch = np.empty(BLOCK_ITEMS, exact)
        for signed, numbers, earlier in blocks(words.view(self._signed), update, before):
            step = scratch[: signed.size].reshape(signed.shape)
            with np.errstate(over="ignore"):  # an infinite step is clipped
                np.subtract(numbers, earlier, out=step, dtype=exact)
                np.multiply(step, scale.factor, out=step)
            np.clip(step, -scale.word_max, scale.word_max, out=step)
            np.rint(step, out=step)
            np.copyto(signed, step, casting="unsafe")

    def _add_noise(self, words: _Array, noise: IntegerNoise) -> None:
        deviation = noise_in_steps(self._terms)
        for (block,) in blocks(words):
            drawn = noise.draw(deviation, block.size)
            np.add(block, drawn.astype(self._dtype).reshape(block.shape), out=block)

    def _by_array(self, vector: _Array) -> Iterator[_Array]:
        """Yield the words of each array, in its shape."""
        end = 0
        for spec in self._structure.arrays:
            start, end = end, end + spec.size
            yield vector[start:end].reshape(spec.shape)


def noise_in_steps(terms: SecureTerms) -> float:
    """Return the standard deviation of the noise of one update, in words."""
    return terms.noise_deviation * 2.0**terms.fraction_bits


def _word_max(terms: SecureTerms) -> int:
    """Return the largest word of an update, so that the sum of all of them and of their noise does not wrap around."""
    noise = noise_in_steps(terms) * math.sqrt(terms.clients) * limits.privacy_noise_deviations
    most: int = (2 ** (terms.ring_bits - 1) - 1 - math.ceil(noise)) // terms.clients
    if most < 1:
        raise InvalidInput(
            f"A noise of {terms.noise_deviation:g} at each of {terms.clients} clients leaves no room for their updates "
            "in the ring. Use a larger clip.",
            field="noise_deviation",
        )
    return most


def _is_float(spec: ArraySpec) -> bool:
    return spec.dtype.startswith("float")


def _at_most(whole: int) -> float:
    """Return the largest float64 that is not above a whole number."""
    nearest = float(whole)
    return nearest if nearest <= whole else math.nextafter(nearest, 0.0)


def _as_integers(exact: _Array, dtype: np.dtype[Any]) -> _Array:
    """Return numbers in a dtype of integers, within its range; a boolean is true above one half."""
    if dtype.kind == "b":
        return 2 * exact > 1
    info = np.iinfo(dtype)
    rounded = np.rint(exact)
    return np.clip(rounded, np.longdouble(info.min), np.longdouble(info.max)).astype(dtype)
