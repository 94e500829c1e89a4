"""Values of Python and NumPy as JSON, and their arrays beside it; `_decoding` reads them back.

{"int": "-0x1f"}                            any int
{"float": "nan"}                            nan, inf, -inf
{"complex": [value, value]}                 real and imaginary part
{"bytes": 1}, {"bytearray": 1}              the number of a member with these bytes
{"tuple": […]}, {"set": […]}, {"frozenset": […]}
{"dict": [[key, value], …]}
{"array": 1}                                the number of a member: an array of numbers
{"bytes_array": [1, "<U5", [2, 3]]}         the number of a member: bytes; dtype and shape
{"scalar": ["<f4", "…"]}                    dtype and base64
{"numpy_str": "…"}, {"numpy_bytes": "…"}    text and base64
{"random": [3, […], null]}                  the state of a `random.Random`
{"generator": [state, [entropy, spawn_key, spawned]]}   the state of a `numpy.random.Generator`
"""

from __future__ import annotations

import base64
import math
import random
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from fednet import limits
from fednet.errors import TaskFailed
from fednet.server_functions._kept_types import (
    BIT_GENERATORS,
    INT_BITS,
    SEED_POOL_SIZE,
    is_kept_dtype,
    is_model_dtype,
)

KEPT: Final = (
    "None, bool, int, float, complex, str, bytes, NumPy arrays and scalars, random generators, "
    "and lists, tuples, sets and dicts of them"
)

Array = np.ndarray[Any, Any]
Json = Any


class _Unkeepable(Exception):
    """A value that has no place in the format, with the reason."""


class Encoder:
    """Encodes the attributes of one object.

    Attributes:
        arrays: The arrays of all encoded values, not copied; the first one has the number 1.
    """

    def __init__(self) -> None:
        self.arrays: list[Array] = []
        self._values = 0
        self._depth = 0
        self._encoders: dict[type, Callable[[Any], Json]] = {
            type(None): _itself,
            bool: _itself,
            str: _itself,
            int: _int,
            float: _float,
            complex: lambda value: {"complex": [_float(value.real), _float(value.imag)]},
            bytes: lambda value: {"bytes": self._number_of(_as_array(value))},
            bytearray: lambda value: {"bytearray": self._number_of(_as_array(value))},
            list: self._items,
            tuple: lambda value: {"tuple": self._items(value)},
            set: lambda value: {"set": self._items(value)},
            frozenset: lambda value: {"frozenset": self._items(value)},
            dict: lambda value: {"dict": [self._items(pair) for pair in value.items()]},
            np.ndarray: self._array,
            np.str_: lambda value: {"numpy_str": str(value)},
            np.bytes_: lambda value: {"numpy_bytes": _base64(value)},
            random.Random: self._random,
            np.random.Generator: self._generator,
        }

    def attribute(self, name: str, value: object) -> Json:
        """Return an attribute's value as JSON.

        Raises:
            TaskFailed: It cannot be kept; names the attribute.
        """
        try:
            return self._value(value)
        except _Unkeepable as error:
            raise TaskFailed(
                f"The attribute {name!r} of self cannot be kept for the next run: {error}. "
                f"Keep {KEPT}."
            ) from error

    def _value(self, value: object) -> Json:
        self._values += 1
        if self._values > limits.server_functions_state_values_max:
            raise _Unkeepable(
                f"it is one of more than {limits.server_functions_state_values_max} values; "
                "keep numbers in NumPy arrays"
            )
        kind = type(value)
        if encode := self._encoders.get(kind):
            return encode(value)
        if issubclass(kind, np.generic):
            return _scalar(value)
        raise _Unkeepable(f"it holds an object of type {_name_of(kind)}")

    def _items(self, values: Iterable[object]) -> list[Json]:
        self._depth += 1
        if self._depth > limits.server_functions_state_levels_max:
            raise _Unkeepable(
                f"it is nested deeper than {limits.server_functions_state_levels_max} levels, or "
                "holds itself"
            )
        encoded = [self._value(each) for each in values]
        self._depth -= 1
        return encoded

    def _array(self, array: Array) -> Json:
        if is_model_dtype(array.dtype):
            return {"array": self._number_of(array)}
        if not is_kept_dtype(array.dtype):
            raise _Unkeepable(f"it holds an array of dtype {array.dtype}")
        as_bytes = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        return {"bytes_array": [self._number_of(as_bytes), array.dtype.str, list(array.shape)]}

    def _number_of(self, array: Array) -> int:
        self.arrays.append(array)
        return len(self.arrays)

    def _random(self, generator: random.Random) -> Json:
        version, numbers, gauss = generator.getstate()
        return {"random": [version, list(numbers), None if gauss is None else _float(gauss)]}

    def _generator(self, generator: np.random.Generator) -> Json:
        source: Any = generator.bit_generator
        seed = source.seed_seq
        if (
            type(source) not in BIT_GENERATORS.values()
            or type(seed) is not np.random.SeedSequence
            or seed.pool_size != SEED_POOL_SIZE
        ):
            raise _Unkeepable(
                f"it holds a numpy.random.Generator on {_name_of(type(source))}; make it by "
                "numpy.random.default_rng"
            )
        origin = [seed.entropy, seed.spawn_key, seed.n_children_spawned]
        return {"generator": [self._value(source.state), self._items(origin)]}


def _itself(value: Json) -> Json:
    return value


def _int(value: int) -> Json:
    return value if value.bit_length() <= INT_BITS else {"int": hex(value)}


def _float(value: float) -> Json:
    return value if math.isfinite(value) else {"float": repr(value)}


def _scalar(value: Any) -> Json:
    if not is_kept_dtype(value.dtype):
        raise _Unkeepable(f"it holds a NumPy scalar of dtype {value.dtype}")
    return {"scalar": [value.dtype.str, _base64(value.tobytes())]}


def _as_array(data: bytes | bytearray) -> Array:
    return np.frombuffer(data, np.uint8)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _name_of(kind: type) -> str:
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"
