"""The choice of clients for a phase, and of the combiner that works for a whole round. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet

from .state import Share


def everyone(capable: Mapping[str, AbstractSet[str]]) -> dict[str, str]:
    """Return each client's combiner by the client's id, sorted."""
    places = {client: combiner for combiner in sorted(capable) for client in capable[combiner]}
    return dict(sorted(places.items()))


def shares_of(
    capable: Mapping[str, AbstractSet[str]], chosen: Iterable[str]
) -> dict[str, list[str]]:
    """Return the chosen clients that can take part.

    Args:
        capable: The ids of the clients that can take part, by the name of their combiner.
        chosen: The ids of clients.

    Returns:
        Their ids by combiner, each list sorted; combiners without one are left out.
    """
    places = everyone(capable)
    shares: dict[str, list[str]] = {}
    for client in sorted(places.keys() & set(chosen)):
        shares.setdefault(places[client], []).append(client)
    return dict(sorted(shares.items()))


def sample_clients(
    capable: Mapping[str, AbstractSet[str]],
    requested: int,
    seed: str,
    *,
    first: Collection[str] = (),
) -> dict[str, list[str]]:
    """Choose clients at random over all combiners.

    Args:
        capable: The ids of the clients that can take part, by the name of their combiner.
        requested: The largest number to choose.
        seed: The same seed chooses the same of the same clients.
        first: The ids of clients that are chosen before any other.

    Returns:
        The chosen clients' ids by combiner, each list sorted; combiners without one are left out.
    """
    places = everyone(capable)
    preferred = [client for client in places if client in set(first)][:requested]
    others = [client for client in places if client not in set(preferred)]
    free = min(requested - len(preferred), len(others))
    drawn = random.Random(seed).sample(others, free)  # noqa: S311  a fair draw, no secret
    return shares_of(capable, [*preferred, *drawn])


def planner_among(allowing: Iterable[str], rather_not: str) -> str:
    """Return the combiner to let server functions plan; empty if there is none.

    Args:
        allowing: The names of the connected combiners that allow them.
        rather_not: The combiner to ask only if there is no other.
    """
    return min(allowing, key=lambda name: (name == rather_not, name), default="")


def reducer_among(
    reducers: Iterable[str], shares: Mapping[str, Share], rather_not: str, *, is_shared: bool
) -> str:
    """Return the connected combiner with the largest weight, to merge; empty if none can.

    Args:
        reducers: The names of the connected combiners that may merge.
        shares: Each combiner's part in the round.
        rather_not: The combiner to ask only if there is no other.
        is_shared: True if the partials lie where all combiners reach them.
    """
    able = [name for name in sorted(reducers) if is_shared or name in shares]
    able = [name for name in able if name != rather_not] or able
    return max(able, key=lambda name: shares[name].weight if name in shares else 0.0, default="")
