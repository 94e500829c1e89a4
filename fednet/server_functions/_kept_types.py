"""The types of NumPy that the memory of server functions may hold."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

INT_BITS: Final = 63
"""Integers of more bits are written as text: other readers of JSON know no larger ones."""

SEED_POOL_SIZE: Final = 4
"""The pool size of NumPy's seed sequences, unless somebody has chosen another."""

# Each state of these is valid. The states of MT19937 and Philox hold an index that NumPy does not check.
BIT_GENERATORS: Final[dict[str, Any]] = {
    "PCG64": np.random.PCG64,
    "PCG64DXSM": np.random.PCG64DXSM,
    "SFC64": np.random.SFC64,
}

_MODEL_DTYPE: Final = re.compile(r"[|<>](b1|[iu][1248]|f[248])")
_OTHER_DTYPE: Final = re.compile(r"[|<>](c8|c16|[US][1-9]\d{0,8}|[mM]8(\[\w{1,20}\])?)")


def is_model_dtype(dtype: np.dtype[Any]) -> bool:
    """Return True if a model file holds arrays of this dtype."""
    return dtype.fields is None and _MODEL_DTYPE.fullmatch(dtype.str) is not None


def is_kept_dtype(dtype: np.dtype[Any]) -> bool:
    """Return True if memory can hold values of this dtype."""
    return is_model_dtype(dtype) or (
        dtype.fields is None and _OTHER_DTYPE.fullmatch(dtype.str) is not None
    )


def kept_dtype(text: str) -> np.dtype[Any]:
    """Return the dtype of a text.

    Raises:
        ValueError: It is none that memory can hold.
    """
    if not (_MODEL_DTYPE.fullmatch(text) or _OTHER_DTYPE.fullmatch(text)):
        raise ValueError(f"it holds an array of dtype {text[:40]!r}")
    return np.dtype(text)
