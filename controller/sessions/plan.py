"""Who takes part in a phase: a pure function of who is connected and of a seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from collections.abc import Set as AbstractSet


def sample_clients(
    capable: Mapping[str, AbstractSet[str]], requested: int, seed: str
) -> dict[str, list[str]]:
    """Choose clients at random over all combiners.

    Args:
        capable: The ids of the clients that could take part, by the name of their combiner.
        requested: How many to choose at the most.
        seed: The same seed chooses the same among the same clients.

    Returns:
        The chosen clients' ids by combiner, each list sorted; combiners without one are left out.
    """
    everyone = sorted(
        (client, combiner) for combiner, clients in capable.items() for client in clients
    )
    chosen = random.Random(seed).sample(everyone, min(requested, len(everyone)))  # noqa: S311  a fair draw, no secret
    shares: dict[str, list[str]] = {}
    for client, combiner in sorted(chosen):
        shares.setdefault(combiner, []).append(client)
    return dict(sorted(shares.items()))
