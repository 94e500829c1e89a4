"""Parameters as people hold them in memory: a list of arrays, arrays by name, or a state_dict of torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fednet.errors import InvalidModel
from fednet.parameters._structure import ArraySpec, Structure

_Array = np.ndarray[Any, Any]


def given_arrays(given: Any) -> tuple[list[_Array], Structure]:
    """Return the arrays and the structure of parameters that a person gives.

    Args:
        given: A list or tuple of arrays, a mapping from names to arrays, or one array. An array may be a tensor of
            torch; one of bfloat16 becomes float32.

    Raises:
        InvalidModel: These are no arrays that a model may hold; names the first one.
    """
    named = _named(given)
    arrays = [_array(name, value) for name, value in named.items()]
    specs = (ArraySpec.of(name, array) for name, array in zip(named, arrays, strict=True))
    return arrays, Structure(tuple(specs))


def _named(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return {str(name): value for name, value in given.items()}
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        return {str(position): value for position, value in enumerate(given)}
    return {"0": given}


def _array(name: str, value: Any) -> _Array:
    """Return a value as an array in memory; a tensor is known by its methods, so torch is not imported."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidModel(f"Array {name!r} is no array: {error}.") from error
    if array.dtype == object:
        raise InvalidModel(f"Array {name!r} is a {type(value).__name__}: give an array of numbers.")
    return array
