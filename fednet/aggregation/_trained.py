"""The arrays of a model that are trained: an optimiser's step belongs to them, and to no statistic or counter."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

from fednet.aggregation._settings import Limits, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fednet.parameters import Structure

_STATISTICS: Final = ("*running_mean", "*running_var", "*num_batches_tracked")


def exclude_setting() -> Any:
    """Return the field of an aggregator whose step leaves some arrays alone."""
    return setting(
        _STATISTICS,
        Limits(
            tuple,
            "patterns of the names of arrays that are no trained parameters, such as the statistics of a batch norm: "
            "they take the mean instead of a step, like integers and booleans; in formats without names an array's "
            "name is its position",
        ),
    )


def stepped_arrays(structure: Structure, exclude: Sequence[str]) -> frozenset[int]:
    """Return the positions of the arrays that take a step: floats whose names match none of the patterns.

    Args:
        structure: The global model's structure.
        exclude: Patterns of names, as in a shell; upper and lower case differ.
    """
    excluded = re.compile("|".join(map(translate, exclude)) or r"(?!)")
    return frozenset(
        position
        for position, spec in enumerate(structure.arrays)
        if spec.dtype.startswith("float") and not excluded.match(spec.name)
    )
