"""Clipping: no client's difference to the global model is longer than agreed.

Only arrays that hold floats in the global model are trained. Arrays of integers and booleans, such as counters, stay
as they are in the global model: a sum of them would be exact, and would tell about single clients.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fednet.errors import InvalidModel
from fednet.parameters import BlockArray, MadeArray, blocks
from fednet.privacy._noise import GaussianNoise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fednet.parameters import ArraySpec, ModelFormat, Structure, Writable
    from fednet.privacy._terms import PrivacyTerms

_Array = np.ndarray[Any, Any]


class Clipping:
    """The clipping of differences to one global model.

    Args:
        structure: The model's structure.
        base: Its arrays.

    Attributes:
        structure: The model's structure.
        numbers: The number of its floats.
    """

    def __init__(self, structure: Structure, base: Sequence[_Array]) -> None:
        self.structure = structure
        self._base = [np.asarray(array, order="C") for array in base]
        floats = [each for each in structure.arrays if each.dtype.startswith("float")]
        self.numbers = sum(each.size for each in floats)

    def norm(self, arrays: Sequence[_Array | BlockArray]) -> float:
        """Return the L2 norm of the difference to the global model, over all floats.

        Args:
            arrays: An update, finite, in the shapes of the model.

        Returns:
            The norm; infinite if its square is beyond float64.
        """
        with np.errstate(over="ignore"):
            return math.sqrt(sum(map(self._square, range(len(self._base)), arrays)))

    def clipped(
        self, arrays: Sequence[_Array | BlockArray], norm_max: float, norm: float | None = None
    ) -> list[_Array | BlockArray]:
        """Return an update whose difference has at most this norm, float64, made a block at a time.

        Args:
            arrays: An update, finite, in the shapes of the model.
            norm_max: The largest norm.
            norm: The norm of the difference, if the caller has it already.

        Returns:
            The model plus the difference, scaled down if it was longer; integers and booleans are those of the model.
            The arrays keep to `fednet.parameters.blocks`.

        Raises:
            InvalidModel: The difference is so long that float64 cannot hold its norm.
        """
        norm = self.norm(arrays) if norm is None else norm
        check_distance(norm)
        factor = min(1.0, norm_max / norm) if norm else 1.0
        return [self._scaled(position, array, factor) for position, array in enumerate(arrays)]

    def _is_trained(self, position: int) -> bool:
        return self.structure.arrays[position].dtype.startswith("float")

    def _square(self, position: int, array: _Array | BlockArray) -> float:
        """Return the squared norm of one array's difference."""
        if not self._is_trained(position):
            return 0.0
        return sum(float(np.dot(step, step)) for step in self._steps(position, array))

    def _steps(self, position: int, array: _Array | BlockArray) -> Iterator[_Array]:
        """Yield the difference of one array, flat and float64, a block at a time."""
        for numbers, before in blocks(_readable(array), self._base[position]):
            yield np.subtract(numbers, before, dtype=np.float64).reshape(-1)

    def _scaled(
        self, position: int, array: _Array | BlockArray, factor: float
    ) -> _Array | BlockArray:
        base = self._base[position]
        if not self._is_trained(position):
            return base
        if factor == 1.0:
            return array

        def make() -> Iterator[_Array]:
            for numbers, before in blocks(_readable(array), base):
                step = np.subtract(numbers, before, dtype=np.float64)
                yield np.add(before, factor * step, dtype=np.float64).reshape(-1)

        return MadeArray(base.shape, np.dtype(np.float64), make)


def check_distance(norm: float) -> None:
    """Raise InvalidModel for an update too far from the model to be scaled."""
    if not math.isfinite(norm):
        raise InvalidModel(
            "The update is too far from the global model: the square of the distance is not a number. Lower the "
            "learning rate."
        )


def write_private(
    file: Writable,
    form: ModelFormat,
    arrays: Sequence[_Array],
    clipping: Clipping,
    terms: PrivacyTerms,
) -> bool:
    """Write an update as its client may send it: clipped, with noise if the terms ask for it, in the model's dtypes.

    Args:
        file: The stream.
        form: The format of the file.
        arrays: The update, finite, in the shapes of the model.
        clipping: The clipping against the model of the task.
        terms: The terms.

    Returns:
        True if the difference lay within the clip.

    Raises:
        InvalidModel: The update is too far from the model.
    """
    norm = clipping.norm(arrays)
    noise = GaussianNoise()
    written = (
        _written(array, spec, terms.deviation, noise)
        for array, spec in zip(
            clipping.clipped(arrays, terms.clip, norm), clipping.structure.arrays, strict=True
        )
    )
    form.write_to(file, written, clipping.structure)
    return norm <= terms.clip


def _written(
    array: _Array | BlockArray, spec: ArraySpec, deviation: float, noise: GaussianNoise
) -> BlockArray:
    """Return an array of an update, to be read once: with noise, if it is one of floats."""
    dtype = np.dtype(spec.dtype)

    def make() -> Iterator[_Array]:
        for (numbers,) in blocks(_readable(array)):
            if dtype.kind == "f":
                noisy = numbers.reshape(-1) + noise.draw(deviation, numbers.size)
                yield np.clip(noisy, np.finfo(dtype).min, np.finfo(dtype).max).astype(dtype)
            else:
                yield numbers.reshape(-1)

    return MadeArray(spec.shape, dtype, make)


def _readable(array: _Array | BlockArray) -> _Array | BlockArray:
    """Return an array that `blocks` can read beside others."""
    return array if isinstance(array, BlockArray) else np.asarray(array, order="C")
