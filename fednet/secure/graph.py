"""The graph of masks: the clients that share masks with one another.

Up to a degree of n - 1 it is complete (Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine
Learning", CCS 2017). Otherwise it is a Harary graph, a ring in which each client is joined to the nearest ones on both
sides, over a permutation that the roster decides (Bell et al., CCS 2020).
"""

from __future__ import annotations

from functools import cached_property

from fednet.digests import sha256_of


class MaskGraph:
    """The graph of one round.

    Args:
        clients: The number n of clients; they have the positions 0 to n - 1.
        degree: The number of neighbours of each client; even, unless it is n - 1 or more.
        seed: Decides the permutation; that of a complete graph is of no account.
    """

    def __init__(self, clients: int, degree: int, seed: bytes) -> None:
        self._clients = clients
        self._degree = degree
        self._seed = seed

    def holders(self, position: int) -> list[int]:
        """Return the positions of a client and its neighbours, in rising order."""
        if self._degree >= self._clients - 1:
            return list(range(self._clients))
        ring = self._ring
        centre, half = ring.index(position), self._degree // 2
        places = range(centre - half, centre + half + 1)
        return sorted(ring[place % self._clients] for place in places)

    @cached_property
    def _ring(self) -> list[int]:
        """The positions in the order of the ring."""
        return sorted(
            range(self._clients),
            key=lambda position: sha256_of(self._seed + position.to_bytes(8, "big")),
        )
