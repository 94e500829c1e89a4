"""What a model is made of, without its numbers: the name, shape and dtype of each array."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fednet import limits
from fednet.errors import InvalidModel

if TYPE_CHECKING:
    from collections.abc import Iterable

# By name and not by NumPy's kinds: a long double has another width on every machine.
_DTYPES: Final = frozenset(
    {
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64",
    }
)  # fmt: skip
_DESCRIBED_ARRAYS_MAX: Final = 4


@dataclass(frozen=True)
class ArraySpec:
    """One array's place in a model. The byte order in which a file holds it is no part of it.

    Args:
        name: Its key in the model file: `"0"` for the first, where the format knows no others.
        shape: Its dimensions; `()` for a scalar.
        dtype: NumPy's name of the dtype, such as `"float32"`.

    Raises:
        InvalidModel: No model may hold such an array.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in _DTYPES:
            raise InvalidModel(
                f"Array {self.name!r} has dtype {self.dtype}. Convert it to booleans, to integers "
                "of at most 64 bits or to floats of 16, 32 or 64 bits."
            )
        if len(self.shape) > limits.array_dimensions_max:
            raise InvalidModel(
                f"Array {self.name!r} has {len(self.shape)} dimensions; at most "
                f"{limits.array_dimensions_max} are allowed. Reshape it."
            )
        if any(length < 0 for length in self.shape) or self._span_bytes > limits.model_bytes_max:
            raise InvalidModel(
                f"Array {self.name!r} has shape {self.shape}. Lengths must not be negative, and a "
                f"model holds at most {limits.model_bytes_max} bytes."
            )

    @classmethod
    def of(cls, name: str, array: np.ndarray[Any, Any]) -> ArraySpec:
        """The spec of an array in memory."""
        return cls(name, array.shape, array.dtype.name)

    @property
    def size(self) -> int:
        """How many numbers the array holds."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes the numbers take."""
        return self.size * np.dtype(self.dtype).itemsize

    @property
    def _span_bytes(self) -> int:
        # NumPy bounds an empty array by its other lengths too: (0, 2**62, 2**62) is no array.
        return math.prod(max(length, 1) for length in self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Structure:
    """The arrays of a model in their order. Two are equal if every name, shape and dtype is.

    Args:
        arrays: One spec for each array.

    Raises:
        InvalidModel: There are no arrays, too many, or they are too large together.
    """

    arrays: tuple[ArraySpec, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.arrays) <= limits.model_arrays_max:
            raise InvalidModel(
                f"The model has {len(self.arrays)} arrays; it must have between 1 and "
                f"{limits.model_arrays_max}. Save its parameters as a list of arrays."
            )
        if self.nbytes > limits.model_bytes_max:
            raise InvalidModel(
                f"The model takes {self.nbytes} bytes; at most {limits.model_bytes_max} are "
                "allowed. Make it smaller, or use a smaller dtype."
            )

    @classmethod
    def of(cls, arrays: Iterable[np.ndarray[Any, Any]]) -> Structure:
        """The structure of arrays in memory."""
        return cls(tuple(ArraySpec.of(str(i), array) for i, array in enumerate(arrays)))

    @cached_property
    def size(self) -> int:
        """How many parameters the model has."""
        return sum(spec.size for spec in self.arrays)

    @cached_property
    def nbytes(self) -> int:
        """How many bytes the parameters take in memory."""
        return sum(spec.nbytes for spec in self.arrays)

    def describe(self) -> str:
        """One line for messages: `2 arrays, 650 parameters: '0' float32 (64, 10), …`."""
        shown = [f"{s.name!r} {s.dtype} {s.shape}" for s in self.arrays[:_DESCRIBED_ARRAYS_MAX]]
        if len(self.arrays) > _DESCRIBED_ARRAYS_MAX:
            shown.append("…")
        return f"{len(self.arrays)} arrays, {self.size} parameters: {', '.join(shown)}"


def check_structure(found: Structure, expected: Structure) -> None:
    """Check that an update has the arrays of the global model: as many, in the same shapes.

    Arrays with names, as safetensors files have them, must have the names of the global model's.

    The dtype may differ: updates are folded as float64, and the global model keeps its own dtype.
    Many a training step turns float32 into float64 without anybody's notice.

    Raises:
        InvalidModel: It has not; names the first array at fault.
    """
    if len(found.arrays) != len(expected.arrays):
        raise InvalidModel(
            f"The update has {found.describe()}. The global model has {expected.describe()}. "
            "Return the global model's arrays, trained, in their order."
        )
    for position, (spec, wanted) in enumerate(zip(found.arrays, expected.arrays, strict=True)):
        if spec.name not in {wanted.name, str(position)}:
            raise InvalidModel(
                f"The update has an array {spec.name!r} where the global model has "
                f"{wanted.name!r}. Return the global model's arrays, trained, with their names."
            )
        if spec.shape != wanted.shape:
            raise InvalidModel(
                f"Array {wanted.name!r} has shape {spec.shape}, the global model has {wanted.shape}. "
                "Return the global model's arrays, trained, in their order."
            )
