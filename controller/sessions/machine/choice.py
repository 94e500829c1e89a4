"""Who is chosen: the clients of a phase, and the combiner that works for the whole round. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from .state import Share


def everyone(capable: Mapping[str, AbstractSet[str]]) -> dict[str, str]:
    """Each client's combiner, by the client's id, sorted.

    A client whose old connection is not yet known to be dead is seen on two combiners; it counts once.
    """
    places = {client: combiner for combiner in sorted(capable) for client in capable[combiner]}
    return dict(sorted(places.items()))


def shares_of(
    capable: Mapping[str, AbstractSet[str]], chosen: Iterable[str]
) -> dict[str, list[str]]:
    """Those of the chosen clients that could take part.

    Args:
        capable: The ids of the clients that could take part, by the name of their combiner.
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
    places = everyone(capable)
    chosen = random.Random(seed).sample(list(places), min(requested, len(places)))  # noqa: S311  a fair draw, no secret
    return shares_of(capable, chosen)


def planner_among(allowing: Iterable[str], rather_not: str) -> str:
    """The combiner to let server functions choose; empty where there is none.

    Args:
        allowing: The names of the connected combiners that allow them.
        rather_not: The one that is asked only where there is no other.
    """
    return min(allowing, key=lambda name: (name == rather_not, name), default="")


def reducer_among(
    reducers: Iterable[str], shares: Mapping[str, Share], rather_not: str, *, is_shared: bool
) -> str:
    """The combiner that holds most, to merge; empty where none that could is connected.

    Args:
        reducers: The names of the connected combiners that may merge.
        shares: What each has of the round.
        rather_not: The one that is asked only where there is no other.
        is_shared: Whether the partials lie where all combiners reach them.
    """
    able = [name for name in sorted(reducers) if is_shared or name in shares]
    able = [name for name in able if name != rather_not] or able
    return max(able, key=lambda name: shares[name].weight if name in shares else 0.0, default="")
