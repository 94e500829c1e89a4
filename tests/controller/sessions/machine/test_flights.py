"""Asynchronous sessions: flights, the buffer, staleness, and server functions beside them."""

import pytest
from session_world import KINDS, World

from fednet.controller.sessions.machine.events import (
    ClientJoined,
    PauseAsked,
    PhaseClosed,
    PhaseRefused,
    Planned,
    Reduced,
    ReduceRefused,
    ResumeAsked,
    StopAsked,
    TimePassed,
)
from fednet.controller.sessions.machine.orders import ReduceRound, ReleasePhase, StartPhase
from fednet.controller.sessions.machine.state import BlobRef, Functions, Kind, Status
from fednet.controller.sessions.machine.steps.flights import buffer_size
from fednet.digests import Digest

THREE = {"a": ["a1", "a2"], "b": ["b1"]}


@pytest.fixture
def flying(new_session):
    """Return a function that makes an asynchronous session of three clients that has begun."""

    def make(places=None, **fields):
        figures = {"staleness_max": 2, "rounds": 5, "round_buffer_size": 2}
        session = new_session(kind=Kind.ASYNCHRONOUS, **{**figures, **fields})
        world = World(session, places or THREE, allowing=("a", "b"))
        world.begin()
        return world

    return make


def flight_of(world, client):
    return next(
        each for each in world.session.flights.values() if each.client == client and each.is_open
    )


def land(world, client, answers=1):
    """Close a client's flight, by default with its update."""
    phase = flight_of(world, client).phase
    [combiner] = phase.shares
    return world.tell(PhaseClosed(combiner, phase.phase_id, answers, 10.0 * answers))


def merge(world):
    """Tell that the model of the buffer lies in the blob store."""
    return world.tell(Reduced(BlobRef(world.session.round.model_id, Digest.read("1" * 64, 2)), 0.1))


def started(decision):
    return [order.clients for order in decision.orders if isinstance(order, StartPhase)]


def test_each_client_gets_a_phase_of_its_own(flying):
    """Each flight is one order, with the newest model."""
    world = flying()

    assert sorted(order.clients for order in world.orders) == [("a1",), ("a2",), ("b1",)]
    assert len({order.phase_id for order in world.orders}) == 3
    assert all(order.phase.is_shared for order in world.orders)


def test_a_client_that_has_answered_is_sent_out_at_once(flying):
    """The client gets a new flight."""
    world = flying()

    assert started(land(world, "a1")) == [("a1",)]


def test_at_most_requested_clients_train_at_once(flying):
    """The limit holds also if more clients are idle."""
    world = flying(requested_clients=2)

    assert len(world.session.flights) == 2


def test_a_full_buffer_is_merged_and_the_others_fly_on(flying):
    """Any combiner can merge; a landing while a round is merged is in the next buffer."""
    world = flying()
    land(world, "a1")

    decision = land(world, "a2")
    land(world, "b1")

    [order] = [each for each in decision.orders if isinstance(each, ReduceRound)]
    assert len(order.round.parts) == 2
    merge(world)
    assert world.session.number == 1
    assert [each.client for each in world.session.flights.values() if not each.is_open] == ["b1"]


def test_the_parts_tell_how_old_each_update_is(flying):
    """The age counts from the round in which the update began."""
    world = flying()
    land(world, "a1")
    land(world, "a1")
    merge(world)
    land(world, "a1")

    land(world, "a2")

    parts = world.session.round.parts
    assert sorted(world.session.round.number - part.number for part in parts) == [0, 1]


def test_min_clients_means_different_clients(flying):
    """A fast client alone makes no model; it is not asked again while only others are lacking."""
    world = flying(min_clients=2)
    land(world, "a1")

    decision = land(world, "a1")

    assert world.step == "flights"
    assert started(decision) == []


def test_a_client_that_has_failed_is_not_asked_again_in_this_attempt(flying):
    """A combiner that refuses is named."""
    world = flying()
    flight = flight_of(world, "b1")

    failed = land(world, "a1", answers=0)
    refused = world.tell(PhaseRefused("b", flight.phase.phase_id, "b: no room"))

    assert (started(failed), started(refused)) == ([], [])
    assert world.session.round.problems == ["b: no room"]


def test_an_attempt_fails_if_nobody_is_left(flying):
    """The attempt is repeated, and then the session fails."""
    world = flying(places={"a": ["a1"]})

    land(world, "a1", answers=0)
    world.pass_time()
    land(world, "a1", answers=0)

    assert world.session.status is Status.FAILED
    assert "0 of at least 1 clients answered" in world.session.reason


def test_at_the_deadline_of_a_round_min_clients_are_enough(flying):
    """The buffer need not be full at the deadline."""
    world = flying()
    land(world, "a1")

    world.tell(TimePassed(), later=1000)

    assert world.step == "reduce"


def test_at_the_deadline_too_few_are_a_failed_attempt_and_stay_in_the_buffer(flying):
    """No update is lost."""
    world = flying(min_clients=2)
    land(world, "a1")

    world.tell(TimePassed(), later=1000)

    assert world.session.failures == 1
    assert [each.client for each in world.session.flights.values() if not each.is_open] == ["a1"]


def test_updates_of_a_failed_merge_go_back_into_the_buffer(flying):
    """They are merged by the next attempt."""
    world = flying(places={"a": ["a1", "a2"]})
    land(world, "a1")
    land(world, "a2")
    merged = [part.phase_id for part in world.session.round.parts]

    world.tell(ReduceRefused(world.session.round.model_id, "no partial"))
    world.pass_time()

    assert [part.phase_id for part in world.session.round.parts] == merged


def test_a_flight_whose_model_is_too_old_is_given_up(flying):
    """The flight ends as soon as its update would count for nothing."""
    world = flying(staleness_max=1)
    late = flight_of(world, "b1").phase.phase_id

    for _ in range(2):
        land(world, "a1")
        land(world, "a2")
        decision = merge(world)

    assert ReleasePhase("b", late) in decision.orders
    assert late not in world.session.flights


def test_newcomers_are_sent_out_at_once(flying):
    """A newcomer flies while the round is in flight."""
    world = flying()

    assert started(world.tell(ClientJoined("b", "b2", KINDS))) == [("b2",)]


def test_a_paused_session_finishes_its_round_and_sends_nobody_out(flying):
    """Updates that land meanwhile are in the next buffer."""
    world = flying(requested_clients=3)
    world.tell(PauseAsked())
    land(world, "a1")
    land(world, "a2")
    merge(world)
    world.orders.clear()

    land(world, "b1")
    paused = list(world.orders)
    world.tell(ResumeAsked())

    assert paused == []
    assert world.step == "flights"
    assert any(not each.is_open for each in world.session.flights.values())


def test_after_the_last_round_nobody_trains(flying):
    """All flights are released, and the session ends."""
    world = flying(rounds=1)
    land(world, "a1")
    land(world, "a2")

    merge(world)

    assert world.session.flights == {}
    assert world.session.status is Status.FINISHED


def test_a_stopped_session_releases_all_flights(flying):
    """Flights under way and in the buffer are all released."""
    world = flying()
    land(world, "a1")
    held = set(world.session.flights)

    decision = world.tell(StopAsked("enough"))

    assert {order.phase_id for order in decision.orders} == held


def test_server_functions_choose_who_flies_and_with_which_settings(flying):
    """The functions choose among the idle clients, round by round."""
    functions = Functions(["client_selection", "client_settings"])
    world = flying(functions=functions)
    current = world.session.round

    decision = world.tell(Planned(current.id, current.attempt, ["a2", "b1"], {"lr": 0.1}))

    assert sorted(started(decision)) == [("a2",), ("b1",)]
    assert all(order.phase.settings == {"lr": 0.1} for order in decision.orders)


@pytest.mark.parametrize(
    ("size", "requested", "least", "expected"),
    [(-1, 8, 1, 4), (-1, 40, 1, 10), (-1, 8, 6, 6), (3, 8, 1, 3), (-1, 1, 1, 1)],
)
def test_by_default_half_of_those_that_train_at_once_make_a_model(
    new_session, size, requested, least, expected
):
    """The buffer's size is ten at most and min_clients at least."""
    session = new_session(round_buffer_size=size, requested_clients=requested, min_clients=least)

    assert buffer_size(session) == expected
