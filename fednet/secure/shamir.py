"""Shamir's secret sharing ("How to Share a Secret", 1979) in the field of a prime above 2**256.

A secret is the value at 0 of a random polynomial of `threshold` coefficients, and a share is its value at a point
above 0. Any `threshold` shares give the secret; fewer are uniformly random, whatever the secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fednet.secure.keys import stretched

if TYPE_CHECKING:
    from collections.abc import Sequence

PRIME: Final = 2**256 + 297
SHARE_BYTES: Final = 33
_DRAWN_BYTES: Final = 48  # of the stream for each coefficient: its bias is below 2**-127


def polynomial(secret: int | None, threshold: int, seed: bytes) -> list[int]:
    """Return the coefficients of a random polynomial, the one of the lowest degree first.

    Args:
        secret: Its value at 0; None for a random one.
        threshold: The number of coefficients.
        seed: 32 secret bytes that serve for nothing else.
    """
    stream = stretched(seed, threshold * _DRAWN_BYTES)
    drawn = [
        int.from_bytes(stream[start : start + _DRAWN_BYTES], "big") % PRIME
        for start in range(0, len(stream), _DRAWN_BYTES)
    ]
    return drawn if secret is None else [secret, *drawn[1:]]


def value_at(coefficients: Sequence[int], point: int, prime: int = PRIME) -> int:
    """Return the value of a polynomial at a point, by Horner's rule."""
    value = 0
    for coefficient in reversed(coefficients):
        value = (value * point + coefficient) % prime
    return value


def weights_at_zero(points: Sequence[int], prime: int = PRIME) -> list[int]:
    """Return the weights with which the values at these points add up to the value at 0 (Lagrange).

    All divisions are one inversion (Montgomery, "Speeding the Pollard and Elliptic Curve Methods of Factorization",
    1987).
    """
    numerators, denominators = [], []
    for point in points:
        above, below = 1, 1
        for other in points:
            if other != point:
                above, below = above * other % prime, below * (other - point) % prime
        numerators.append(above)
        denominators.append(below)
    inverses = _inverses(denominators, prime)
    return [above * inverse % prime for above, inverse in zip(numerators, inverses, strict=True)]


def recovered(shares: Sequence[int], weights: Sequence[int], prime: int = PRIME) -> int:
    """Return the secret of `threshold` shares, with the weights of their points."""
    return sum(share * weight for share, weight in zip(shares, weights, strict=True)) % prime


def _inverses(values: Sequence[int], prime: int) -> list[int]:
    products = [1]
    for value in values:
        products.append(products[-1] * value % prime)
    inverse = pow(products[-1], -1, prime)
    inverses = []
    for value, product in zip(reversed(values), reversed(products[:-1]), strict=True):
        inverses.append(product * inverse % prime)
        inverse = inverse * value % prime
    return inverses[::-1]
