"""The structure of a model: the name, shape and dtype of each array."""

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

    from fednet.parameters._blocks import BlockArray

# Names, not NumPy's kinds: the width of a long double depends on the machine.
_DTYPES: Final = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)  # fmt: skip
_ITEM_BYTES: Final = {dtype: np.dtype(dtype).itemsize for dtype in _DTYPES}
_DESCRIBED_ARRAYS_MAX: Final = 4


@dataclass(frozen=True)
class ArraySpec:
    """The name, shape and dtype of one array; the byte order in a file does not matter.

    Args:
        name: The key in the model file: `"0"` for the first array in formats without names.
        shape: The dimensions; `()` for a scalar.
        dtype: NumPy's name of the dtype, such as `"float32"`.

    Raises:
        InvalidModel: A model may not hold such an array.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __post_init__(self) -> None:
        if self.dtype not in _ITEM_BYTES:
            raise InvalidModel(
                f"Array {self.name!r} has dtype {self.dtype}. Convert it to booleans, to integers "
                "of at most 64 bits or to floats of 16, 32 or 64 bits."
            )
        if len(self.shape) > limits.array_dimensions_max:
            raise InvalidModel(
                f"Array {self.name!r} has {len(self.shape)} dimensions; at most "
                f"{limits.array_dimensions_max} are allowed. Reshape it."
            )
        if min(self.shape, default=0) < 0 or self._span_bytes > limits.model_bytes_max:
            raise InvalidModel(
                f"Array {self.name!r} has shape {self.shape}. Lengths must not be negative, and a "
                f"model holds at most {limits.model_bytes_max} bytes."
            )

    @classmethod
    def of(cls, name: str, array: np.ndarray[Any, Any] | BlockArray) -> ArraySpec:
        """Return the spec of an array in memory."""
        return cls(name, array.shape, array.dtype.name)

    @property
    def size(self) -> int:
        """The number of items of the array."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The size of the array in bytes."""
        return self.size * _ITEM_BYTES[self.dtype]

    @property
    def _span_bytes(self) -> int:
        # NumPy limits the other lengths of an empty array, too: (0, 2**62, 2**62) is invalid.
        return math.prod([max(length, 1) for length in self.shape]) * _ITEM_BYTES[self.dtype]


@dataclass(frozen=True)
class Structure:
    """The specs of a model's arrays in their order.

    Args:
        arrays: One spec for each array.

    Raises:
        InvalidModel: The number of arrays is 0 or too large, or their total size is too large.
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
    def of(cls, arrays: Iterable[np.ndarray[Any, Any] | BlockArray]) -> Structure:
        """Return the structure of arrays in memory."""
        return cls(tuple(ArraySpec.of(str(i), array) for i, array in enumerate(arrays)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the arrays in their order."""
        return tuple(spec.name for spec in self.arrays)

    def places_of(self, names: tuple[str, ...]) -> list[int] | None:
        """Return the position of each of these names; None if they are not exactly those of this model."""
        places = {name: place for place, name in enumerate(self.names)}
        if len(places) != len(names) or any(name not in places for name in names):
            return None
        return [places[name] for name in names]

    @cached_property
    def size(self) -> int:
        """The number of parameters of the model."""
        return sum(spec.size for spec in self.arrays)

    @cached_property
    def nbytes(self) -> int:
        """The size of the parameters in memory, in bytes."""
        return sum(spec.nbytes for spec in self.arrays)

    def describe(self) -> str:
        """Return a line for messages: `2 arrays, 650 parameters: '0' float32 (64, 10), …`."""
        shown = [f"{s.name!r} {s.dtype} {s.shape}" for s in self.arrays[:_DESCRIBED_ARRAYS_MAX]]
        if len(self.arrays) > _DESCRIBED_ARRAYS_MAX:
            shown.append("…")
        return f"{len(self.arrays)} arrays, {self.size} parameters: {', '.join(shown)}"


def check_structure(found: Structure, expected: Structure) -> None:
    """Check that an update has as many arrays as the global model, in the same shapes.

    The names must be the same, too, unless the update was saved as a list. The dtypes may differ, because training
    code often turns float32 into float64: updates are folded as float64, and the global model keeps its dtypes.

    Raises:
        InvalidModel: The update differs; the message names the first array that does.
    """
    if len(found.arrays) != len(expected.arrays):
        raise InvalidModel(
            f"The update has {found.describe()}. The global model has {expected.describe()}. "
            "Return the trained arrays of the global model in their order."
        )
    for position, (spec, wanted) in enumerate(zip(found.arrays, expected.arrays, strict=True)):
        if spec.name not in {wanted.name, str(position), f"arr_{position}"}:
            raise InvalidModel(
                f"The update has an array {spec.name!r} where the global model has "
                f"{wanted.name!r}. Return the trained arrays of the global model with their names."
            )
        if spec.shape != wanted.shape:
            raise InvalidModel(
                f"Array {wanted.name!r} has shape {spec.shape}, but in the global model {wanted.shape}. "
                "Return the trained arrays of the global model in their order."
            )
