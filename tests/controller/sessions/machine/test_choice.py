"""The choice of clients: seeded, fair, bounded."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from fednet.controller.sessions.machine.choice import (
    everyone,
    planner_among,
    reducer_among,
    sample_clients,
)
from fednet.controller.sessions.machine.state import Share

networks = st.dictionaries(
    st.sampled_from("abcd"), st.sets(st.integers(0, 15).map(lambda number: f"client-{number}"))
)


@given(networks, st.integers(1, 20), st.text())
def test_as_many_as_are_requested_take_part_each_once_and_where_it_is(capable, requested, seed):
    """Fewer take part only if fewer are connected."""
    shares = sample_clients(capable, requested, seed)

    chosen = [client for clients in shares.values() for client in clients]
    assert len(set(chosen)) == len(chosen) == min(requested, len(everyone(capable)))
    assert all(set(clients) <= capable[combiner] for combiner, clients in shares.items())
    assert all(clients == sorted(clients) and clients for clients in shares.values())


@given(networks, st.integers(1, 20), st.text(), st.randoms())
def test_the_same_seed_chooses_the_same_in_whatever_order_they_came(
    capable, requested, seed, random
):
    """A repeated step repeats its choice."""
    items = list(capable.items())
    random.shuffle(items)

    assert sample_clients(dict(items), requested, seed) == sample_clients(capable, requested, seed)


@given(networks)
def test_a_client_on_two_combiners_is_one_client(capable):
    """Its old connection may not yet be known to be dead."""
    assert set(everyone(capable)) == {client for clients in capable.values() for client in clients}


def test_every_client_has_the_same_chance():
    """The combiner does not matter: 3 of 10 in 2,000 draws is 600 each, give or take six deviations."""
    capable = {"big": {f"b{number}" for number in range(9)}, "small": {"s"}}
    drawn = Counter(
        client
        for seed in range(2000)
        for clients in sample_clients(capable, 3, str(seed)).values()
        for client in clients
    )

    assert len(drawn) == 10
    assert all(abs(count - 600) < 6 * 20.5 for count in drawn.values())


def test_any_combiner_plans_and_one_that_did_not_hear_only_if_there_is_no_other():
    """The same combiner is found again while the same ones are connected."""
    assert planner_among({"b", "a"}, "") == "a"
    assert planner_among({"b", "a"}, "a") == "b"
    assert planner_among({"a"}, "a") == "a"
    assert planner_among((), "a") == ""


def test_the_combiner_that_holds_most_merges():
    """Any combiner can merge shared partials; else only the holder of the single partial can."""
    shares = {"a": Share([], weight=1.0), "b": Share([], weight=2.0)}

    assert reducer_among({"a", "b", "c"}, shares, "", is_shared=True) == "b"
    assert reducer_among({"a", "b", "c"}, shares, "b", is_shared=True) == "a"
    assert reducer_among({"c"}, shares, "", is_shared=True) == "c"
    assert reducer_among({"b", "c"}, {"b": Share([])}, "b", is_shared=False) == "b"
    assert reducer_among({"c"}, {"b": Share([])}, "", is_shared=False) == ""
