"""Who has a place at a server, and who gives way."""

from dataclasses import dataclass

import pytest

from fednet.controller.rest.connections import Connections


@dataclass(eq=False)
class Caller:
    """A connection from an address."""

    address: str
    is_dropped: bool = False

    def drop(self):
        self.is_dropped = True


@pytest.fixture
def entered():
    """Enters callers from addresses into connections; returns them."""

    def enter(connections, *addresses):
        callers = [Caller(address) for address in addresses]
        assert all(map(connections.enter, callers))
        return callers

    return enter


def test_at_the_bound_of_an_address_its_own_oldest_spare_connection_gives_way(entered):
    """Those of other addresses stay."""
    connections = Connections(10, 2)
    other, first, second = entered(connections, "b", "a", "a")

    entered(connections, "a")

    assert [each.is_dropped for each in (other, first, second)] == [False, True, False]


def test_at_the_bound_of_all_the_address_with_most_connections_gives_way(entered):
    """One who has few loses none to one who has many."""
    connections = Connections(3, 3)
    few, first, second = entered(connections, "few", "many", "many")

    entered(connections, "new")

    assert [each.is_dropped for each in (few, first, second)] == [False, True, False]


@pytest.mark.parametrize("bounds", [(2, 5), (5, 2)])
def test_connections_with_a_request_stay_and_the_newcomer_has_no_place(entered, bounds):
    """Whichever bound is met."""
    connections = Connections(*bounds)
    callers = entered(connections, "a", "a")
    for each in callers:
        connections.note_busy(each)

    assert not connections.enter(Caller("a"))

    connections.note_spare(callers[0])
    assert connections.enter(Caller("a"))
    assert [each.is_dropped for each in callers] == [True, False]


def test_a_connection_that_was_dropped_leaves_only_once(entered):
    """Its place is free for exactly one other."""
    connections = Connections(1, 1)
    (first,) = entered(connections, "a")
    (second,) = entered(connections, "a")
    connections.leave(first)
    connections.note_spare(first)
    connections.note_busy(second)

    assert not connections.enter(Caller("a"))
