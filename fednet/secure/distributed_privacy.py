"""Distributed differential privacy: each client adds a part of the noise, and the sum has enough of it.

Kairouz, Liu and Steinke, "The Distributed Discrete Gaussian Mechanism for Federated Learning with Secure Aggregation",
ICML 2021, arXiv:2102.06387. A sum of discrete Gaussian numbers is no discrete Gaussian number, but so close to one that
with a deviation of some steps the difference is far below the precision of float64. The sum wraps around in the ring;
that is done with it afterwards, so it costs no privacy.

The guarantee is that of `fednet.privacy`: one client's difference is replaced by zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fednet.errors import InvalidInput
from fednet.secure.ring import noise_in_steps

if TYPE_CHECKING:
    from fednet.secure.terms import SecureTerms

_DEVIATION_MIN: Final = 0.5  # in steps; the theorem holds from here on


def sensitivity_in_steps(terms: SecureTerms, numbers: int) -> float:
    """Return the largest L2 norm of one update's words without noise.

    The norm of the difference is at most `norm_clip`, and rounding moves each number by at most half a step.

    Args:
        terms: The terms.
        numbers: The number of the model's floats.
    """
    return terms.norm_clip * 2.0**terms.fraction_bits + math.sqrt(numbers) / 2


def noise_multiplier_of_sum(terms: SecureTerms, numbers: int, clients: int) -> float:
    """Return the noise multiplier of the Gaussian mechanism that loses as much privacy as the sum of a round.

    `fednet.privacy.epsilon_after` gives its ε. By theorem 1 of the paper the sum has ½ε²-concentrated differential
    privacy, with ε = Δ / (√n s) + τ √d, as a Gaussian mechanism with the multiplier 1 / ε has.

    Args:
        terms: The terms.
        numbers: d, the number of the model's floats.
        clients: n, the number of updates in the sum whose noise an attacker does not know: those that are certain to
            be in it, without the clients that may collude.

    Raises:
        InvalidInput: The terms have no `norm_clip`, or less noise than half a step.
    """
    deviation = noise_in_steps(terms)
    if not terms.norm_clip or deviation < _DEVIATION_MIN:
        raise InvalidInput(
            f"Distributed differential privacy needs a norm_clip, and noise of at least {_DEVIATION_MIN:g} steps at "
            f"each client; it has {deviation:g}. Use more noise, or a ring of 64 bits.",
            field="noise_deviation" if terms.norm_clip else "norm_clip",
        )
    gaussian = sensitivity_in_steps(terms, numbers) / (math.sqrt(clients) * deviation)
    return 1 / (gaussian + _distance(deviation, clients) * math.sqrt(numbers))


def _distance(deviation: float, clients: int) -> float:
    """Return τ: how far a sum of discrete Gaussian numbers may be from a discrete Gaussian number."""
    return 10 * sum(
        math.exp(-2 * (math.pi * deviation) ** 2 * each / (each + 1)) for each in range(1, clients)
    )
