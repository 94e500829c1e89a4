"""Rounds numbers to the dtypes of a model, with defined results at the ends of their ranges."""

from __future__ import annotations

from typing import Any

import numpy as np


def round_into(target: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> None:
    """Store numbers in an array of a model's dtype.

    A value beyond the range becomes the end of the range, also an infinity. Integers are rounded to the nearest, ties
    to even. A boolean is true above one half, so an average gives the majority.

    Args:
        target: An array of any dtype that a model may have.
        values: Numbers of the same shape, none of them NaN: float64, which is overwritten; or, for a target of integers
            or booleans, integers or fractions (`Fraction` objects), which float64 might not hold.
    """
    if values.dtype.kind != "f":
        _store_exact(target, values)
        return
    np.clip(values, *_range(target.dtype), out=values)
    if target.dtype.kind == "b":
        np.greater(values, 0.5, out=target)
        return
    if target.dtype.kind in "iu":
        np.rint(values, out=values)
    np.copyto(target, values, casting="unsafe")


def _store_exact(target: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> None:
    if target.dtype.kind == "b":
        np.copyto(target, 2 * values > 1, casting="unsafe")
        return
    info = np.iinfo(target.dtype)
    rounded = np.frompyfunc(round, 1, 1)(values) if values.dtype == object else values
    least, most = int(info.min), int(info.max)
    if rounded.dtype != object:
        own = np.iinfo(rounded.dtype)
        least, most = max(least, int(own.min)), min(most, int(own.max))
    target[...] = np.clip(rounded, least, most)


def _range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the smallest and the largest float64 that the dtype can hold."""
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    largest = float(np.iinfo(dtype).max)
    if largest > np.iinfo(dtype).max:  # no float64 equals 2**63 - 1
        largest = float(np.nextafter(largest, 0.0))
    return float(np.iinfo(dtype).min), largest
