"""Distances between updates, over all their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fednet.aggregation._kept_updates import walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fednet.aggregation._kept_updates import Update

_Array = np.ndarray[Any, Any]


def squared_distances(updates: Sequence[Update]) -> _Array:
    """Return the squared Euclidean distance of each pair of updates.

    The differences are squared: the faster way, by scalar products of updates, loses the distances between honest
    updates as soon as one client sends huge numbers.

    Args:
        updates: One or more updates.

    Returns:
        A symmetric matrix of float64; a distance beyond its range is infinite.
    """
    totals = np.zeros((len(updates), len(updates)))
    with np.errstate(over="ignore"):
        for position in range(len(updates[0].arrays)):
            for (numbers,) in walk(updates, position):
                _add_squares(totals, numbers)
    return totals + totals.T


def precedes(one: Update, other: Update) -> bool:
    """Return True if the first number in which two updates differ is smaller in the first one.

    This order breaks ties independently of the order of arrival.
    """
    for position in range(len(one.arrays)):
        has_integers = "f" not in {
            one.arrays[position].dtype.kind,
            other.arrays[position].dtype.kind,
        }
        for (numbers,) in walk((one, other), position, exact=has_integers):
            differing = np.flatnonzero(numbers[0] != numbers[1])
            if differing.size:
                return bool(numbers[0, differing[0]] < numbers[1, differing[0]])
    return False


def _add_squares(totals: _Array, numbers: _Array) -> None:
    """Add a block's share to each distance above the diagonal."""
    for row in range(len(numbers) - 1):
        differences = numbers[row + 1 :] - numbers[row]
        totals[row, row + 1 :] += np.einsum("ij,ij->i", differences, differences)
