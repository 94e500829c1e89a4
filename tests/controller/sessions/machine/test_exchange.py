"""A round of three exchanges: each has its own clients and settings, computed from the one before."""

from session_world import World

from fednet.controller.sessions.machine.kernel import Machine
from fednet.controller.sessions.machine.plans import SessionPlan
from fednet.controller.sessions.machine.state import Session, Status
from fednet.controller.sessions.machine.steps.exchange import Exchange
from fednet.controller.sessions.machine.steps.select import Select


def chain():
    """Return a plan whose exchanges ask all chosen clients, then the earlier participants with the others' names."""

    def first(scene):
        return {client: {} for clients in scene.round.choice.values() for client in clients}

    def second(scene):
        values = scene.tally(scene.round.exchanges["keys"]).values
        return {client: {other: 1 for other in values if other != client} for client in values}

    return SessionPlan((Select("EXCHANGE"), Exchange("keys", first), Exchange("shares", second)))


def test_the_next_exchange_is_computed_from_the_values_of_the_one_before(new_session):
    """A client that drops out of the first is not in the second; each client has settings of its own."""
    world = World(new_session(min_clients=2), {"a": ["a1", "a2"], "b": ["b1"]}, chain())
    world.begin()
    while world.orders:
        world.obey()
    for combiner, phase_id, client in world.open_tasks():
        world.answer(combiner, phase_id, client, fails=client == "a2")
    while world.news:
        world.hear()

    phase = world.session.round.phase
    assert phase.client_settings == {"a1": {"b1": 1}, "b1": {"a1": 1}}
    world.play()
    assert world.session.status is Status.FINISHED


def test_too_few_clients_in_an_exchange_are_an_attempt_that_fails(new_session):
    """The reason names the exchange."""
    world = World(new_session(min_clients=2, round_retries=0), {"a": ["a1", "a2"]}, chain())
    world.begin()
    world.obey()
    for combiner, phase_id, client in world.open_tasks():
        world.answer(combiner, phase_id, client, fails=client == "a2")
    while world.news:
        world.hear()

    assert world.session.status is Status.FAILED
    assert "1 of at least 2 clients took part in keys" in world.session.reason


def test_values_come_back_from_the_stored_answers(new_session):
    """The session's document holds none of them."""
    world = World(new_session(min_clients=2), {"a": ["a1", "a2"]}, chain())
    world.begin()
    world.obey()
    told = []
    for task in world.open_tasks():
        world.answer(*task)
    told = [each for each in world.news if type(each).__name__ == "Answered"]
    while world.news:
        world.hear()

    world.machine = Machine(Session.from_dict(world.session.to_dict()), chain())
    for each in told:
        world.tell(each)

    keys = world.session.round.exchanges["keys"]
    assert world.machine._tallies[keys.phase_id].values.keys() == {"a1", "a2"}
