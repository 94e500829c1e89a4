"""Replicated secret sharing: each seed is held by all members but those of one subset.

Ito, Saito and Nishizeki, "Secret Sharing Scheme Realizing General Access Structure", 1987; with seeds instead of
shares: Cramer, Damgård and Ishai, "Share Conversion, Pseudorandom Secret-Sharing", TCC 2005. There is one seed for
each subset of `threshold` - 1 of the members, and the mask is the sum of all seeds' streams. So the members of one
subset miss its seed and see a uniformly random mask, and any `threshold` members have all seeds together.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def subsets(members: int, threshold: int) -> list[tuple[int, ...]]:
    """Return the subsets of `threshold` - 1 of the members 0, 1, …; the place in the list is a subset's number."""
    return list(itertools.combinations(range(members), threshold - 1))


def held_by(member: int, members: int, threshold: int) -> list[int]:
    """Return the numbers of the subsets whose seeds a member holds: those without it."""
    every = subsets(members, threshold)
    return [number for number, subset in enumerate(every) if member not in subset]


def assignment(
    missing: Collection[int], live: Collection[int], members: int, threshold: int
) -> Mapping[int, list[int]] | None:
    """Spread seeds over live members, as evenly as a simple rule does: each goes to the holder with the fewest.

    Args:
        missing: The numbers of the subsets whose masks are needed.
        live: The members that can be asked.
        members: The number of all members.
        threshold: The threshold.

    Returns:
        The numbers of the subsets by member; None if no live member holds one of the seeds.
    """
    every = subsets(members, threshold)
    found: dict[int, list[int]] = {}
    for number in sorted(missing):
        holders = [member for member in sorted(live) if member not in every[number]]
        if not holders:
            return None
        chosen = min(
            (len(found.get(member, ())), (member - number - 1) % members, member)
            for member in holders
        )[-1]
        found.setdefault(chosen, []).append(number)
    return found
