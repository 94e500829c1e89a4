"""The global model in bincode: for each weight a numerator and a denominator of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from fednet import limits
from fednet.xaynet._bincode import LENGTH, Reader
from fednet.xaynet._encoding import DTYPES, Weights
from fednet.xaynet._mask_config import MaskConfig
from fednet.xaynet._masking import ExactModel
from fednet.xaynet._modular import Modulus

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGIT_BYTES: Final = 4
_MINUS: Final = 0xFF
_SIGNS: Final = {0: 0, 1: 1, _MINUS: -1}
_HEAD_BYTES: Final = 1 + LENGTH.size  # of an integer: its sign, and the number of its digits


def model_to_bytes(model: ExactModel) -> Iterator[bytes]:
    """Yield the document of a model in pieces."""
    count = model.magnitudes.shape[1]
    yield LENGTH.pack(count)
    digits = -(-model.config.order.bit_length() // 32)
    denominator = _integer_to_bytes(model.denominator)
    row_bytes = _HEAD_BYTES + _DIGIT_BYTES * digits + len(denominator)
    step = max(1, limits.xaynet_block_bytes // row_bytes)
    for start in range(0, count, step):
        part = slice(start, start + step)
        magnitudes = Modulus(model.config.order).to_bytes(
            model.magnitudes[:, part], _DIGIT_BYTES * digits
        )
        yield _rows_to_bytes(model.negative[part], magnitudes, denominator)


def _integer_to_bytes(value: int) -> bytes:
    """Return an integer that is not negative."""
    digits = -(-value.bit_length() // 32)
    return (
        bytes([value > 0]) + LENGTH.pack(digits) + value.to_bytes(_DIGIT_BYTES * digits, "little")
    )


def _rows_to_bytes(negative: NDArray[np.bool_], magnitudes: bytes, denominator: bytes) -> bytes:
    """Return weights, each as long as its numerator needs: rows of equal length, from which zero digits are cut."""
    digits = np.frombuffer(magnitudes, "<u4").reshape(len(negative), -1)
    places = np.arange(1, digits.shape[1] + 1)
    counts = ((digits != 0) * places).max(axis=1).astype("<u8")
    rows = np.empty((len(digits), _HEAD_BYTES + digits.nbytes // len(digits)), np.uint8)
    rows[:, 0] = np.where(counts == 0, 0, np.where(negative, _MINUS, 1))
    rows[:, 1:_HEAD_BYTES] = counts.reshape(-1, 1).view(np.uint8)
    rows[:, _HEAD_BYTES:] = digits.view(np.uint8)
    tail = np.broadcast_to(np.frombuffer(denominator, np.uint8), (len(rows), len(denominator)))
    whole = np.concatenate([rows, tail], axis=1)
    return whole[_kept(counts, digits.shape[1], len(denominator))].tobytes()


def _kept(counts: NDArray[np.uint64], digits: int, tail_bytes: int) -> NDArray[np.bool_]:
    """Return True for each byte of the rows that belongs to a number."""
    length = _HEAD_BYTES + _DIGIT_BYTES * digits
    ends = (_HEAD_BYTES + _DIGIT_BYTES * counts).reshape(-1, 1)
    kept = np.ones((len(counts), length + tail_bytes), np.bool_)
    kept[:, :length] = np.arange(length, dtype=np.uint64) < ends
    return kept


def model_from_bytes(data: bytes, config: MaskConfig, length: int) -> Weights:
    """Read a model of a known length, in the dtype of the configuration; integers are cut off towards zero.

    Raises:
        InvalidInput: The document is damaged, has another length, or a weight is too large for the dtype.
    """
    reader = Reader(data, "model")
    if reader.integer() != length:
        raise reader.error(f"it has not {length} weights")
    reader.check_rest(2 * _HEAD_BYTES * length)
    dtype = DTYPES[config.data_type]
    divide = _cut if dtype.kind == "i" else _quotient
    try:
        weights = np.fromiter(
            (divide(*_ratio(reader)) for _ in range(length)), _wide(dtype), length
        )
    except OverflowError:
        raise reader.error(f"a weight is too large for {dtype}") from None
    reader.end()
    return _narrowed(weights, dtype, reader)


def _ratio(reader: Reader) -> tuple[int, int]:
    numerator, denominator = _integer(reader), _integer(reader)
    if denominator <= 0:
        raise reader.error("a denominator is not positive")
    return numerator, denominator


def _integer(reader: Reader) -> int:
    (sign,) = reader.take(1)
    if sign not in _SIGNS:
        raise reader.error(f"a number has the sign {sign}")
    return _SIGNS[sign] * int.from_bytes(reader.take(_DIGIT_BYTES * reader.integer()), "little")


def _quotient(numerator: int, denominator: int) -> float:
    return numerator / denominator


def _cut(numerator: int, denominator: int) -> int:
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.int64) if dtype.kind == "i" else np.dtype(np.float64)


def _narrowed(weights: Weights, dtype: np.dtype[Any], reader: Reader) -> Weights:
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = weights.astype(dtype)
    is_whole = np.isfinite(narrow).all() if dtype.kind == "f" else (narrow == weights).all()
    if not is_whole:
        raise reader.error(f"a weight is too large for {dtype}")
    return narrow
