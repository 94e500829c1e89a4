"""JSON and arrays as the values that `_encoding` has written; nothing is imported or called by a name in the data."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from fednet import limits
from fednet.errors import InvalidModel
from fednet.server_functions._kept_types import BIT_GENERATORS, SEED_POOL_SIZE, kept_dtype

DECODING_ERRORS: Final = (
    ArithmeticError, AttributeError, InvalidModel, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""The errors of reading data that nobody has written by `_encoding`."""

_RANDOM_VERSION: Final = 3

Array = np.ndarray[Any, Any]


class Decoder:
    """Decodes the attributes of one object; each array is used once, in its order.

    Args:
        arrays: The arrays beside the JSON.
    """

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._arrays = arrays
        self._arrays_used = 0
        self._values = 0
        self._depth = 0
        self._decoders: dict[str, Callable[[Any], Any]] = {
            "int": lambda text: int(text, 16),
            "float": float,
            "complex": lambda parts: complex(*map(self._float, parts)),
            "bytes": lambda number: self._array(number).tobytes(),
            "bytearray": lambda number: bytearray(self._array(number).tobytes()),
            "tuple": lambda values: tuple(self._items(values)),
            "set": lambda values: set(self._items(values)),
            "frozenset": lambda values: frozenset(self._items(values)),
            "dict": lambda pairs: dict(self._pair(each) for each in _list(pairs)),
            "array": self._array,
            "bytes_array": self._bytes_array,
            "scalar": _scalar,
            "numpy_str": lambda text: np.str_(_text(text)),
            "numpy_bytes": lambda text: np.bytes_(_bytes(text)),
            "random": self._random,
            "generator": self._generator,
        }

    def value(self, encoded: object) -> Any:
        """Return the value of a piece of JSON.

        Raises:
            Exception: One of `DECODING_ERRORS`: it is not in the format.
        """
        self._values += 1
        if self._values > limits.server_functions_state_values_max:
            raise ValueError("it holds too many values")
        if isinstance(encoded, list):
            return self._items(encoded)
        if isinstance(encoded, dict):
            [(name, content)] = encoded.items()
            return self._decoders[name](content)
        return encoded

    def check_all_used(self) -> None:
        """Check that every array has its place.

        Raises:
            ValueError: An array is left over.
        """
        if self._arrays_used != len(self._arrays):
            raise ValueError("it holds arrays without a place")

    def _items(self, values: object) -> list[Any]:
        self._depth += 1
        if self._depth > limits.server_functions_state_levels_max:
            raise ValueError("it is nested too deep")
        decoded = [self.value(each) for each in _list(values)]
        self._depth -= 1
        return decoded

    def _pair(self, pair: object) -> tuple[Any, Any]:
        key, value = self._items(pair)
        return key, value

    def _float(self, part: object) -> float:
        return float(self.value(part))

    def _array(self, number: object) -> Array:
        self._arrays_used += 1
        if number != self._arrays_used:
            raise ValueError("its arrays are out of order")
        return self._arrays[self._arrays_used - 1]

    def _bytes_array(self, content: object) -> Array:
        number, dtype, shape = _list(content)
        return self._array(number).view(kept_dtype(dtype)).reshape(_list(shape))

    def _random(self, content: object) -> random.Random:
        version, numbers, gauss = _list(content)
        if version != _RANDOM_VERSION:
            raise ValueError("it holds a random generator of another version")
        generator = random.Random()  # noqa: S311  the user's
        rest = None if gauss is None else self._float(gauss)
        generator.setstate((version, tuple(_list(numbers)), rest))
        return generator

    def _generator(self, content: object) -> np.random.Generator:
        encoded, origin = _list(content)
        state = self.value(encoded)
        entropy, spawn_key, spawned = self._items(origin)
        seed = np.random.SeedSequence(
            entropy,
            spawn_key=spawn_key,
            pool_size=SEED_POOL_SIZE,
            n_children_spawned=spawned,
        )
        source = BIT_GENERATORS[state["bit_generator"]](seed)
        source.state = state
        return np.random.Generator(source)


def _scalar(content: object) -> np.generic:
    dtype, text = _list(content)
    [scalar] = np.frombuffer(_bytes(text), kept_dtype(dtype))
    assert isinstance(scalar, np.generic)
    return scalar


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("it has something else in the place of a list")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("it has something else in the place of a text")
    return value
