"""The orders of Xaynet's groups.

The smallest order is 2 * bound * scale * models + 1, which holds every sum without overflow. The prime order is the
next prime, given by its distance, so that no machine needs to search. For unbounded types Xaynet uses rounded factors
instead of 2 * bound; for unbounded F64 it uses four primes near to the smallest orders.

Xaynet, `rust/xaynet-core/src/mask/config/mod.rs`, has each order as a number.
"""

from __future__ import annotations

from typing import Final

LARGEST: Final = {
    "F32": (2**24 - 1) << 104,
    "F64": (2**53 - 1) << 971,
    "I32": 2**31,
    "I64": 2**63,
}
"""The largest absolute value of each type."""

_UNBOUNDED_SPAN: Final = {
    "F32": 6_805_647 * 10**32,
    "F64": 3_595_386_269_724_631 * 10**293,
    "I32": 2**32 - 1,
    "I64": 2**64 - 1,
}
"""Xaynet's 2 * bound of unbounded types."""

_PRIME_DISTANCES: Final = {  # from 2 * 10**digits to the next prime
    13: 21, 15: 21, 16: 3, 17: 3, 18: 57, 19: 11, 20: 89, 21: 69, 22: 3, 23: 69, 24: 3, 25: 9,
    26: 27, 27: 39, 28: 131, 29: 17, 30: 71, 31: 47, 32: 159, 33: 17, 34: 203, 35: 3, 36: 41,
    38: 23,
}  # fmt: skip

_UNBOUNDED_PRIME_DISTANCES: Final = {  # from the unbounded span * scale * models, by type and digits of models
    "F32": {3: 281, 6: 323, 9: 191, 12: 83},
    "I32": {3: 29, 6: 49, 9: 43, 12: 109},
    "I64": {3: 73, 6: 13, 9: 167, 12: 89},
}

_UNBOUNDED_F64_PRIMES: Final = {  # by digits of models
    3: (0x9A65_406D_44A5_C3FD_E0E2_6845_63EE_4C98 << 1984) + 549,
    6: (0x25B_1B83_AAD4_2785_97B6_7467_4F0E_5ADB_3036 << 1984) + 1807,
    9: (0x9_33E3_7A53_4CBA_61D8_A0B6_B38C_D012_E834_55DB << 1984) + 45,
    12: (0x23F2_B095_D563_B80E_3633_C9AD_5E0C_C9DB_0C6F_6129 << 1984) + 321,
}


def scale_digits(data: str, is_unbounded: bool) -> int:
    """Return the number of decimal digits that a weight keeps behind the point."""
    if data in {"I32", "I64"} or not is_unbounded:
        return 20 if data == "F64" else 10
    return 45 if data == "F32" else 324


def smallest_order(data: str, bound_digits: int | None, models_digits: int) -> int:
    """Return the order of the group Integer; `bound_digits` is None for unbounded types."""
    return _capacity(data, bound_digits, models_digits) + 1


def prime_order(data: str, bound_digits: int | None, models_digits: int) -> int:
    """Return the order of the group Prime; `bound_digits` is None for unbounded types."""
    if bound_digits is not None:
        digits = bound_digits + scale_digits(data, is_unbounded=False) + models_digits
        distance = _PRIME_DISTANCES[digits]
    elif data == "F64":
        return _UNBOUNDED_F64_PRIMES[models_digits]
    else:
        distance = _UNBOUNDED_PRIME_DISTANCES[data][models_digits]
    return _capacity(data, bound_digits, models_digits) + distance


def _capacity(data: str, bound_digits: int | None, models_digits: int) -> int:
    span = _UNBOUNDED_SPAN[data] if bound_digits is None else 2 * 10**bound_digits
    scale = 10 ** scale_digits(data, bound_digits is None)
    return int(span * scale * 10**models_digits)
