"""The graph of masks, and sets of positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.errors import InvalidInput
from fednet.secure.bitmaps import bitmap_of, positions_in
from fednet.secure.graph import MaskGraph


@pytest.mark.parametrize(("clients", "degree"), [(3, 2), (5, 4), (5, 60), (64, 63)])
def test_few_clients_share_masks_with_all_others(clients, degree):
    """The graph is complete."""
    graph = MaskGraph(clients, degree, b"seed")

    assert all(graph.holders(each) == list(range(clients)) for each in range(clients))


@given(st.integers(8, 60), st.sampled_from([2, 4, 6]), st.binary(max_size=4))
def test_the_graph_is_regular_symmetric_and_connected(clients, degree, seed):
    """Each client has `degree` neighbours, is its neighbours' neighbour, and reaches all others."""
    graph = MaskGraph(clients, degree, seed)
    holders = [set(graph.holders(each)) for each in range(clients)]

    assert all(len(each) == degree + 1 and mine in each for mine, each in enumerate(holders))
    assert all(mine in holders[other] for mine, each in enumerate(holders) for other in each)
    reached = {0}
    while (further := reached.union(*(holders[each] for each in reached))) != reached:
        reached = further
    assert len(reached) == clients


def test_the_roster_decides_who_are_neighbours():
    """The same seed gives the same graph, another one another."""
    rings = [MaskGraph(40, 4, seed).holders(0) for seed in (b"one", b"one", b"two")]

    assert rings[0] == rings[1] != rings[2]


@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_positions_come_back_from_their_bitmap(case):
    """Each set has one bitmap, of a bit for each client."""
    clients, positions = case

    bitmap = bitmap_of(positions, clients)

    assert positions_in(bitmap, clients) == positions
    assert len(bitmap) == (clients + 7) // 8


@pytest.mark.parametrize("bitmap", [b"", b"\x01", b"\x01\x00\x00", b"\x00\x04", b"\xff\xff"])
def test_bitmaps_of_another_size_are_refused(bitmap):
    """A set has one form, so that its digest stands for it."""
    with pytest.raises(InvalidInput, match="no bitmap of 10 clients"):
        positions_in(bitmap, 10)
