"""Rounds with secure aggregation: the machine, its combiners and real participants, without wires."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from secure_clients import SecureClients
from session_world import World, restarted

from fednet.controller.sessions.machine.events import PhaseClosed
from fednet.controller.sessions.machine.orders import ClosePhase
from fednet.controller.sessions.machine.state import Status

PLACES = {"a": ["c1", "c2", "c3"], "b": ["c4", "c5"]}
PROTOCOLS = ["pet", "secagg+"]


def secure_world(new_session, protocol, places=None, **fields):
    """Return a world of five clients on two combiners whose session has begun."""
    places = places or PLACES
    secure = fields.pop("secure", protocol)
    session = new_session(**{"min_clients": 3, "secure": secure, **fields})
    clients = SecureClients(client for them in places.values() for client in them)
    world = World(session, places, clients=clients)
    world.begin()
    return world


def play_to(world, step):
    """Let everything happen in its order until a step has begun."""
    for _ in range(2000):
        if world.step == step:
            return
        if world.orders:
            world.obey()
        elif world.news:
            world.hear()
        elif tasks := world.open_tasks():
            world.answer(*tasks[0])
        else:
            world.pass_time()
    raise AssertionError(f"the session never comes to {step}")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_masks_of_the_sum_are_taken_off(new_session, protocol):
    """Two rounds of five clients on two combiners end with the sums of all updates."""
    world = secure_world(new_session, protocol, rounds=2)

    world.play()

    assert world.session.status is Status.FINISHED
    assert world.clients.sums == [["c1", "c2", "c3", "c4", "c5"]] * 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_client_that_fails_in_training_is_not_in_the_sum(new_session, protocol):
    """The others' masks are taken off without it."""
    world = secure_world(new_session, protocol)
    play_to(world, "train")
    while world.orders or world.news:
        world.obey() if world.orders else world.hear()
    combiner, phase_id, client = world.open_tasks()[0]

    world.answer(combiner, phase_id, client, fails=True)
    world.play()

    assert world.session.status is Status.FINISHED
    (inside,) = world.clients.sums
    assert client not in inside
    assert len(inside) == 4


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("step", ["keys", "train", "confirm"])
def test_another_controller_goes_on_in_any_step(new_session, protocol, step):
    """Nothing of the protocol is lost with the process: all follows from the stored answers."""
    world = secure_world(new_session, protocol)
    play_to(world, step)

    world.orders.clear()
    world = restarted(world)
    world.play()

    assert world.session.status is Status.FINISHED
    assert world.clients.sums == [["c1", "c2", "c3", "c4", "c5"]]


def test_the_part_of_a_dead_sum_participant_is_added_up_by_the_others(new_session):
    """With (3, 2) one may drop out after the set of updates was signed."""
    world = secure_world(new_session, "pet")
    play_to(world, "masks")
    while world.orders or world.news:
        world.obey() if world.orders else world.hear()
    combiner, phase_id, client = world.open_tasks()[0]

    world.answer(combiner, phase_id, client, fails=True)
    world.play()

    assert world.session.status is Status.FINISHED
    assert len(world.clients.sums) == 1


def test_no_order_closes_what_closes_by_itself(new_session):
    """All clients answer each exchange of secagg+, so no combiner is told to close one."""
    world = secure_world(new_session, "secagg+")

    world.play()

    orders = [order for decision in world.decisions for order in decision.orders]
    assert not any(isinstance(order, ClosePhase) for order in orders)


def test_a_sum_of_masks_of_which_no_news_has_come_is_not_used(new_session):
    """It may hold masks twice, or not at all: the attempt fails, and reveals nothing."""
    world = secure_world(new_session, "pet", round_retries=0)
    play_to(world, "masks")
    while not any(isinstance(each, PhaseClosed) for each in world.news):
        if world.orders:
            world.obey()
        elif tasks := world.open_tasks():
            world.answer(*tasks[0])
        else:
            world.hear()

    world.news = [
        replace(each, answers=each.answers + 1) if isinstance(each, PhaseClosed) else each
        for each in world.news
    ]
    world.play()

    assert world.session.status is Status.FAILED
    assert "SUM_MASKS" in world.session.reason
    assert not world.clients.sums


def test_too_few_clients_end_the_attempt(new_session):
    """Two updates are no sum: the round is tried again, and all its keys are new."""
    world = secure_world(new_session, "secagg+", round_retries=0)
    play_to(world, "train")
    while world.orders or world.news:
        world.obey() if world.orders else world.hear()

    for combiner, phase_id, client in world.open_tasks()[:3]:
        world.answer(combiner, phase_id, client, fails=True)
    world.play()

    assert world.session.status is Status.FAILED
    assert not world.clients.sums


@settings(
    max_examples=25,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_order_of_events_gives_a_sum_or_a_clear_end(new_session, protocol, data):
    """Clients fail and move, combiners die and come back, controllers change: a sum is always that of its updates."""
    world = secure_world(new_session, protocol, round_retries=3)
    for _ in range(120):
        if not world.session.status.is_final:
            world = shaken(world, data)
    world.play()

    assert world.session.status.is_final
    assert all(len(inside) >= 3 for inside in world.clients.sums)


def shaken(world, data):
    """Let one thing happen that could happen now; return the world, which may have another controller."""
    tasks = world.open_tasks()
    likely = ["obey"] * bool(world.orders) + ["hear"] * bool(world.news) + ["answer"] * bool(tasks)
    rare = ["restart", "time"] + ["fail", "move"] * bool(tasks)
    task = data.draw(st.sampled_from(tasks)) if tasks else None
    match data.draw(st.sampled_from(6 * likely + rare)):
        case "obey":
            world.obey(data.draw(st.integers(0, len(world.orders) - 1)))
        case "hear":
            world.hear()
        case "answer" | "fail" as how:
            world.answer(*task, fails=how == "fail")
        case "move":
            world.move(task[2], data.draw(st.sampled_from(["a", "b"])))
        case "restart":
            world.orders.clear()
            return restarted(world)
        case "time" if world.machine.next_deadline() is not None:
            world.pass_time()
    return world
