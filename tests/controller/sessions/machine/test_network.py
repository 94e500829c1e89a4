"""A session's picture of the network, against a naive one."""

from hypothesis import given
from hypothesis import strategies as st

from fednet.controller.sessions.machine.events import (
    ClientJoined,
    ClientLeft,
    CombinerDown,
    CombinerUp,
)
from fednet.controller.sessions.machine.network import Network
from fednet.readiness import READY, Approval, Readiness

PREPARES = Readiness("installing")

TRAIN, BOTH = frozenset({"TRAIN"}), frozenset({"TRAIN", "VALIDATE"})
names, clients = st.sampled_from("ab"), st.sampled_from("xyz")
kinds = st.sampled_from([TRAIN, BOTH])
events = st.one_of(
    st.builds(CombinerUp, names, st.dictionaries(clients, kinds), st.booleans()),
    st.builds(CombinerDown, names),
    st.builds(ClientJoined, names, clients, kinds, st.just(READY)),
    st.builds(ClientLeft, names, clients),
)


@given(st.lists(events, max_size=30))
def test_counts_and_places_are_those_of_the_clients_that_are_there(happened):
    """The counts and places are right in whichever order clients come and go."""
    network, there = Network(), {}
    for number, event in enumerate(happened):
        network.absorb(event, number)
        match event:
            case CombinerUp(combiner, here):
                there[combiner] = dict(here)
            case CombinerDown(combiner):
                there.pop(combiner, None)
            case ClientJoined(combiner, client, able):
                there.setdefault(combiner, {})[client] = able
            case ClientLeft(combiner, client):
                there.get(combiner, {}).pop(client, None)

    connected = {client for here in there.values() for client in here}
    assert network.combiners == there.keys()
    assert {client for client in "xyz" if network.place(client)} == connected
    assert all(client in there[network.place(client)] for client in connected)
    for kind in ("TRAIN", "VALIDATE"):
        capable = network.capable(kind)
        assert network.count(kind) == sum(map(len, capable.values()))
        assert all(kind in there[name][client] for name, them in capable.items() for client in them)
    assert network.count("TRAIN") == len(connected)


def test_a_client_is_where_it_joined_last():
    """Its old connection may not be known to be dead."""
    network = Network()
    for name in ("b", "a"):
        network.absorb(CombinerUp(name, {}), 0)
        network.absorb(ClientJoined(name, "x", TRAIN), 0)
    network.absorb(CombinerUp("b", {"x": TRAIN}), 1)

    assert network.place("x") == "a"
    network.absorb(ClientLeft("a", "x"), 2)
    assert network.place("x") == "b"


def test_a_combiner_is_away_from_when_it_was_seen_last():
    """The time is that of the combiner's last sight, until it is back."""
    network = Network()
    network.absorb(CombinerUp("a", {}), 0)
    here = network.away_since("a")
    network.absorb(CombinerDown("a"), 5)
    network.miss("a", 7)
    gone = network.away_since("a")
    network.absorb(CombinerUp("a", {}), 9)

    assert (here, gone, network.away_since("a")) == (None, 5, None)


def test_a_client_that_awaits_an_approval_is_asked_by_the_other_sessions():
    """It waits for one package, or for the settings of one session."""
    waits = Readiness(awaited=(Approval("p1"), Approval("d", "s2")))
    networks = [Network("s1", "p1"), Network("s2", "p2"), Network("s3", "p3")]
    for network in networks:
        network.absorb(CombinerUp("a", {"x": TRAIN}, waiting={"x": waits}), 0)

    assert [network.count("TRAIN") for network in networks] == [0, 0, 1]
    assert [each.awaited("TRAIN") for each in networks] == [{"p1": 1}, {"d": 1}, {}]
    assert [each.count_preparing("TRAIN", 0) for each in networks] == [0, 0, 0]


def test_a_client_that_prepares_can_be_asked_for_nothing():
    """It is connected, and counts among those that will be ready."""
    network = Network()
    network.absorb(CombinerUp("a", {"x": TRAIN, "y": BOTH}, waiting={"x": PREPARES}), 0)
    network.absorb(ClientJoined("a", "y", BOTH, PREPARES), 0)
    before = network.count("TRAIN"), network.count_preparing("TRAIN", 1)
    network.absorb(ClientJoined("a", "x", TRAIN), 2)
    network.absorb(ClientLeft("a", "y"), 3)

    assert before == (0, 2)
    assert network.place("x") == "a"
    assert (network.count("TRAIN"), network.count_preparing("TRAIN", 4)) == (1, 0)
    assert network.capable("TRAIN") == {"a": {"x"}}
