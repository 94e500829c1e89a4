"""The terms of secure aggregation in the rounds of a session."""

from __future__ import annotations

import math

from fednet import limits
from fednet.contract import SecureOptions, SessionOptions
from fednet.secure import SecureTerms, usual_neighbours


def terms_for(options: SessionOptions, secrecy: SecureOptions, clients: int) -> SecureTerms:
    """Return the terms of a round.

    Args:
        options: The session's options.
        secrecy: The option secure.
        clients: The number of clients that may train in it.

    Raises:
        InvalidInput: They do not fit one another; names the field.
    """
    is_pet = secrecy.protocol == "pet"
    neighbours = 0 if is_pet else usual_neighbours(clients)
    threshold = secrecy.threshold if is_pet else -(-2 * (neighbours + 1) // 3)
    norm_clip, deviation = _noise(options)
    return SecureTerms(
        protocol=secrecy.protocol,
        clients=clients,
        min_clients=max(options.min_clients, limits.secure_clients_min),
        ring_bits=secrecy.ring,
        clip=_clip(secrecy, norm_clip, deviation, clients),
        examples_max=int(options.examples_max or limits.secure_examples),
        cipher=secrecy.cipher,
        sum_participants=secrecy.sum_participants if is_pet else 0,
        threshold=threshold,
        quorum=secrecy.signers if is_pet else threshold,
        neighbours=neighbours,
        norm_clip=norm_clip,
        noise_deviation=deviation,
    )


def _noise(options: SessionOptions) -> tuple[float, float]:
    """Return the largest norm of a difference, and the deviation of each client's noise; zeros without privacy.

    The noise of min_clients clients is enough; more clients in the sum bring more of it.
    """
    if options.privacy is None:
        return 0.0, 0.0
    clip = options.privacy.clip
    return clip, options.privacy.noise_multiplier * clip / math.sqrt(options.min_clients)


def _clip(secrecy: SecureOptions, norm_clip: float, deviation: float, clients: int) -> float:
    """Return the clip of single numbers; under privacy, with room for a client's part of the noise."""
    if not norm_clip:
        return secrecy.clip
    return norm_clip + limits.privacy_noise_deviations * deviation / math.sqrt(clients)
