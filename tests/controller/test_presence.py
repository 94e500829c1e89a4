"""Who is connected, as the combiners tell it."""

import threading
from concurrent.futures import ThreadPoolExecutor

from fednet.controller.presence import Capabilities

ABLE = Capabilities(frozenset({"TRAIN"}), needs_package=False)


def test_a_combiner_brings_its_clients_and_takes_them_along(presence):
    """Its stream is the only thing that tells of them."""
    presence.combiner_up("k", {"one": ABLE})

    assert presence.connected() == {"k": {"one": ABLE}}
    assert presence.combiner_down("k") == ["one"]
    assert presence.connected() == {}


def test_a_snapshot_replaces_what_was_known_of_a_combiner(presence):
    """Who is not in it is gone."""
    presence.combiner_up("k", {"one": ABLE, "two": ABLE})
    presence.combiner_up("k", {"two": ABLE})

    assert set(presence.connected()["k"]) == {"two"}


def test_a_client_that_moves_is_on_its_new_combiner_only(presence):
    """The old one finds out later, and that changes nothing."""
    presence.combiner_up("old", {"one": ABLE})
    presence.combiner_up("new", {})

    presence.client_joined("new", "one", ABLE)
    presence.client_left("old", "one")

    assert presence.combiner_of("one") == "new"
    assert presence.connected() == {"old": {}, "new": {"one": ABLE}}


def test_what_is_not_known_can_go_without_harm(presence):
    """Told twice, or in another order."""
    presence.client_left("k", "one")

    assert presence.combiner_down("k") == []
    assert presence.combiner_of("one") is None


def test_the_picture_is_a_copy(presence):
    """Who draws in it changes nobody else's."""
    presence.combiner_up("k", {"one": ABLE})

    presence.connected()["k"].clear()

    assert presence.combiner_of("one") == "k"


def test_many_threads_may_tell_at_once(presence):
    """Nothing is lost."""
    names = [f"client-{number}" for number in range(200)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: presence.client_joined(name[-1], name, ABLE), names))

    joined = [client for clients in presence.connected().values() for client in clients]
    assert sorted(joined) == sorted(names)


def test_a_wait_for_clients_ends_when_enough_have_joined(presence):
    """Counted over all combiners, and only those that can do the kind of task."""
    waiting = threading.Thread(target=presence.wait_for_clients, args=("TRAIN", 2, 60))
    waiting.start()

    presence.combiner_up("c1", {"a": ABLE})
    presence.client_joined("c2", "b", ABLE)

    waiting.join(60)
    assert not waiting.is_alive()


def test_a_wait_for_a_combiner_ends_when_its_stream_is_open(presence):
    """Or in time, where it does not come."""
    waiting = threading.Thread(target=presence.wait_for_combiner, args=("c1", 60))
    waiting.start()

    too_late = presence.wait_for_combiner("c2", 0.01)
    presence.combiner_up("c1", {})

    waiting.join(60)
    assert not waiting.is_alive()
    assert not too_late
    assert presence.wait_for_combiner("c1", 0.01)


def test_a_wait_for_clients_that_do_not_come_ends_in_time(presence):
    """Whoever waits learns the rest from `connected`."""
    presence.combiner_up("c1", {"a": ABLE})

    presence.wait_for_clients("VALIDATE", 1, 0.01)
    is_here = presence.wait_for_client("b", 0.01)

    assert not is_here


def test_where_server_functions_may_run_is_what_combiners_said_last(presence):
    """One that says nothing does not allow them, and one that is away is not there."""
    presence.combiner_up("quiet", {})
    for name in ("one", "two", "three"):
        presence.combiner_up(name, {}, allows_functions=True)

    presence.combiner_up("two", {}, allows_functions=False)
    presence.combiner_down("three")

    assert presence.allowing_functions() == {"one"}


def test_a_wait_for_server_functions_ends_with_the_first_that_allows_them(presence):
    """Or when all combiners are connected and none does; or in time."""
    presence.combiner_up("c1", {})
    waiting = threading.Thread(target=presence.wait_for_functions, args=(9, 60))
    waiting.start()

    all_forbid, too_late = (presence.wait_for_functions(*most) for most in ((1, 60), (2, 0.01)))
    presence.combiner_up("c2", {}, allows_functions=True)

    waiting.join(60)
    assert not waiting.is_alive()
    assert not all_forbid
    assert not too_late
    assert presence.wait_for_functions(9, 60)
