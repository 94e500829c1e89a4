"""The steps: the choice of clients, plans of server functions, merging, committing, validations, predictions."""

import pytest
from session_world import KINDS, World

from fednet import limits
from fednet.controller.sessions.machine.events import (
    ClientJoined,
    CombinerDown,
    CombinerUp,
    PhaseClosed,
    Planned,
    PlanRefused,
    Reduced,
    TimePassed,
    Unheard,
)
from fednet.controller.sessions.machine.orders import PlanRound, ReduceRound, StartPhase
from fednet.controller.sessions.machine.state import BlobRef, Functions, Kind, Status
from fednet.digests import Digest
from fednet.readiness import Approval, Readiness


def functions_with(*methods):
    return Functions(list(methods))


def close_all(world, answers=1):
    """Let every combiner tell its totals; return the decision on the last."""
    phase = world.session.round.phase
    for name in list(phase.shares):
        attempt = phase.shares[name].attempt
        closed = PhaseClosed(name, phase.phase_id, answers, 10.0 * answers, attempt=attempt)
        decision = world.tell(closed)
    return decision


def play_until(world, is_reached):
    while not is_reached():
        if world.orders:
            world.obey()
        elif world.news:
            world.hear()
        elif world.open_tasks():
            world.answer(*world.open_tasks()[0])
        else:
            world.pass_time()


# Select


def test_a_session_waits_for_min_clients(new_session):
    """It asks as soon as the last one has joined."""
    world = World(new_session(min_clients=2), {"a": ["a1"]})
    world.begin()
    before = list(world.orders)

    world.tell(ClientJoined("a", "a2", KINDS))

    assert before == []
    assert [order.clients for order in world.orders] == [("a1", "a2")]


def test_a_client_that_two_combiners_see_counts_once(new_session):
    """The client's old connection counts until it is known to be dead."""
    world = World(new_session(min_clients=2), {"a": ["x"], "b": ["x"]})

    world.begin()

    assert world.orders == []


def test_only_clients_that_can_train_are_asked(new_session):
    """A client that only validates is in no training."""
    world = World(new_session(), {"a": ["t"]})
    world.tell(ClientJoined("a", "v", frozenset({"VALIDATE"})))

    world.begin()

    assert world.orders[0].clients == ("t",)


def preparing(client):
    return ClientJoined("a", client, KINDS, Readiness("installing"))


def awaiting(client, session):
    approval = Approval("d", session.session_id)
    return ClientJoined("a", client, KINDS, Readiness(awaited=(approval,)))


def test_a_session_fails_with_the_approvals_that_it_lacks(new_session):
    """It waits for them as long as for clients that are away, and says who must do what."""
    world = World(new_session(min_clients=2, round_retries=0), {"a": ["a1", "a2"]})
    world.tell(awaiting("a2", world.session))
    world.begin()
    progress = world.machine.progress
    world.pass_time()

    assert progress["awaiting_approval"] == {"d": 1}
    assert world.session.status is Status.FAILED
    assert "1 client waits for the approval of d: " in world.session.reason
    assert "`fednet client approve d`" in world.session.reason


def test_a_client_that_tells_of_an_approval_with_its_first_task_costs_no_attempt(new_session):
    """The session waits in the next attempt, and goes on as soon as the approval is there."""
    world = World(new_session(min_clients=2, round_retries=0), {"a": ["a1", "a2"]})
    world.begin()
    world.obey()
    world.tell(awaiting("a2", world.session))
    while world.step == "train":
        world.obey() if world.orders else world.hear() if world.news else world.pass_time()
    waits = world.session.status

    world.tell(ClientJoined("a", "a2", KINDS))
    world.play()

    assert waits is Status.STARTED
    assert world.session.status is Status.FINISHED


def test_a_client_that_prepares_is_not_asked(new_session):
    """The round goes on with those that are ready; it is asked in a later one."""
    world = World(new_session(rounds=2), {"a": ["a1", "a2"]})
    world.tell(preparing("a2"))
    world.begin()
    first = [order.clients for order in world.orders]
    world.tell(ClientJoined("a", "a2", KINDS))

    play_until(world, lambda: world.session.number == 1 and world.orders)

    assert first == [("a1",)]
    assert [each.clients for each in world.orders if isinstance(each, StartPhase)] == [("a1", "a2")]


def test_a_session_waits_for_clients_that_prepare_beyond_the_deadline(new_session):
    """It needs no retries for it; it asks as soon as enough are ready."""
    world = World(new_session(min_clients=2, round_retries=0), {"a": ["a1", "a2"]})
    world.tell(preparing("a2"))
    world.begin()
    for _ in range(5):
        world.pass_time()
    waits = (world.session.status, list(world.orders))

    world.tell(ClientJoined("a", "a2", KINDS))

    assert waits == (Status.STARTED, [])
    assert [order.clients for order in world.orders] == [("a1", "a2")]


def test_a_client_that_begins_to_prepare_with_its_task_costs_no_attempt(new_session):
    """The round whose deadline passes meanwhile is repeated when the client is ready."""
    world = World(new_session(min_clients=2, round_retries=0), {"a": ["a1", "a2"]})
    world.begin()
    world.obey()
    world.tell(preparing("a2"))
    while world.step == "train":
        world.obey() if world.orders else world.hear() if world.news else world.pass_time()
    waits = world.session.status

    world.tell(ClientJoined("a", "a2", KINDS))
    world.play()

    assert waits is Status.STARTED
    assert world.session.status is Status.FINISHED


def test_a_session_does_not_wait_for_ever_for_a_client_that_prepares(new_session):
    """A client could say so for years."""
    world = World(new_session(round_retries=0), {"a": ["a1"]})
    world.tell(preparing("a1"))
    world.begin()
    world.tell(TimePassed(), later=limits.preparing_seconds_max)

    assert world.session.status is Status.FAILED
    assert "0 of at least 1 clients were connected" in world.session.reason


def test_waiting_for_clients_in_vain_counts_as_failed_attempts(new_session):
    """A session does not wait for ever; a round that asked nobody leaves no document."""
    world = World(new_session(min_clients=2), {"a": ["a1"]})
    world.begin()

    world.play()

    assert world.session.status is Status.FAILED
    assert "1 of at least 2 clients were connected" in world.session.reason
    assert not any(decision.projections for decision in world.decisions)


def test_a_seed_draws_the_same_in_any_session_and_differs_from_round_to_round(new_session):
    """The ids of the sessions have no part in it."""

    def draws(document_id):
        session = new_session(
            document_id=document_id, seed="7", rounds=6, requested_clients=2, validate=False
        )
        world = World(session, {"a": [f"c{number}" for number in range(8)]})
        world.begin()
        world.play()
        started = [o for d in world.decisions for o in d.orders if isinstance(o, StartPhase)]
        return [order.clients for order in started]

    assert draws("one") == draws("two")
    assert len(set(draws("one"))) > 1


# Plan


@pytest.fixture
def planning(new_world):
    """Return a session whose server functions are asked for a plan."""

    def make(*methods, **fields):
        world = new_world(functions=functions_with(*(methods or ("client_selection",))), **fields)
        assert world.step == "plan"
        return world

    return make


def planned(world, clients, state=None):
    current = world.session.round
    return Planned(current.id, current.attempt, clients, {"lr": 0.1}, state)


def test_one_combiner_is_asked_with_all_clients_that_can_train(planning):
    """Nobody trains yet."""
    world = planning()

    assert world.orders == [PlanRound("a", world.session.round, ("a1", "a2", "b1"))]


def test_the_chosen_clients_train_with_the_settings(planning):
    """Clients that were not chosen are left alone."""
    world = planning()

    world.tell(planned(world, ["a2", "b1", "gone"]))

    phase = world.session.round.phase
    assert {name: share.clients for name, share in phase.shares.items()} == {
        "a": ["a2"],
        "b": ["b1"],
    }
    assert phase.settings == {"lr": 0.1}


def test_without_a_selection_as_many_are_drawn_as_are_requested(planning):
    """Functions that only give settings choose nobody."""
    world = planning("client_settings", requested_clients=2)

    world.tell(planned(world, []))

    assert world.session.round.phase.clients == 2


@pytest.mark.parametrize("refusal", ["too few", "refused"])
def test_a_plan_that_fails_is_an_attempt_that_fails(planning, refusal):
    """The next attempt plans anew, from the memory before; then the session fails with the reason."""
    world = planning(min_clients=2)

    def refuse():
        current = world.session.round
        if refusal == "too few":
            return planned(world, ["a1"])
        return PlanRefused(current.id, current.attempt, "a bug of theirs")

    world.tell(refuse())
    world.pass_time()
    again = world.step
    world.tell(refuse())

    assert again == "plan"
    assert world.session.status is Status.FAILED
    words = {"too few": "chose 1 of at least 2 clients", "refused": "a bug of theirs"}
    assert words[refusal] in world.session.reason


def test_an_attempt_is_planned_anew_from_the_memory_before(planning):
    """Its answers were trained with other settings: they are released."""
    world = planning()
    world.tell(planned(world, ["a1"], BlobRef("attempt-0", Digest.read("1" * 64, 1))))
    before = world.session.round.phase.phase_id
    close_all(world, answers=0)

    world.pass_time()

    current = world.session.round
    assert (current.attempt, current.functions_state, current.phase) == (1, None, None)
    assert world.session.functions.obsolete == ["attempt-0"]
    world.tell(planned(world, ["a1"]))
    assert current.phase.phase_id != before


def test_a_planner_that_goes_away_is_replaced(planning):
    """The planner allows server functions too; a plan for an earlier attempt changes nothing."""
    world = planning()
    world.orders.clear()

    world.tell(CombinerDown("a"))
    world.tell(Planned(world.session.round.id, 7, ["b1"], {}))

    assert [order.combiner for order in world.orders] == ["b"]
    assert world.step == "plan"


def test_a_plan_waits_for_a_combiner_that_allows_server_functions(new_world):
    """Nobody is asked while there is no such combiner."""
    world = new_world(functions=functions_with("client_selection"), allowing=())
    before = list(world.orders)

    world.tell(CombinerUp("c", {}, allows_functions=True))

    assert before == []
    assert [order.combiner for order in world.orders] == ["c"]


def test_nobody_plans_in_time(planning):
    """The attempt has failed at the deadline."""
    world = planning(round_retries=0)

    world.tell(TimePassed(), later=1000)

    assert "planned it in time" in world.session.reason


# Reduce


def test_the_combiner_with_the_largest_weight_merges(new_world):
    """It has the least to fetch."""
    world = new_world()
    phase_id = world.session.round.phase.phase_id

    world.tell(PhaseClosed("a", phase_id, 1, 10.0))
    decision = world.tell(PhaseClosed("b", phase_id, 1, 50.0))

    assert [order.combiner for order in decision.orders] == ["b"]


def test_another_combiner_merges_when_the_asked_one_goes_down_or_does_not_hear(new_world):
    """Partials of several combiners lie in the blob store."""
    world = new_world()
    [order] = close_all(world).orders
    other = {"a": "b", "b": "a"}[order.combiner]

    unheard = world.tell(Unheard(order)).orders
    down = world.tell(CombinerDown(other)).orders

    assert [each.combiner for each in unheard] == [other]
    assert [each.combiner for each in down] == [order.combiner]


def test_a_combiner_that_holds_all_is_waited_for(new_world):
    """Its partial is nowhere else; the combiner is asked again once it is back."""
    world = new_world(places={"a": ["a1"], "b": []})
    close_all(world)

    down = world.tell(CombinerDown("a")).orders
    back = world.tell(CombinerUp("a", {})).orders

    assert down == []
    assert [type(order) for order in back] == [ReduceRound]


def test_clients_that_come_and_go_do_not_repeat_a_merge(new_world):
    """Only the departure of the merging combiner repeats the merge."""
    world = new_world()
    close_all(world)

    assert world.tell(ClientJoined("a", "a3", KINDS)).orders == []


@pytest.mark.parametrize("allowing", ["a", "b"])
def test_a_combiner_that_allows_server_functions_aggregates(new_world, allowing):
    """The combiner aggregates although another one holds more."""
    world = new_world(functions=functions_with("aggregate"), allowing=(allowing,))

    [order] = close_all(world).orders

    assert order.combiner == allowing


@pytest.mark.parametrize(("allowing", "is_shared"), [("a", False), ("b", True), ("", True)])
def test_updates_are_shared_if_their_only_combiner_may_not_aggregate(
    new_world, allowing, is_shared
):
    """Another combiner can then aggregate."""
    world = new_world(
        {"a": ["a1"], "b": []}, functions=functions_with("aggregate"), allowing=(allowing,)
    )

    assert world.session.round.phase.is_shared is is_shared


# Commit


def test_a_commit_writes_model_round_and_active_model_and_releases_the_phase(new_world):
    """All of it is in one decision."""
    world = new_world()
    close_all(world)
    model = BlobRef(world.session.round.model_id, Digest.read("1" * 64, 2))

    decision = world.tell(Reduced(model, 0.5))

    assert [each.collection for each in decision.projections] == ["models", "rounds", "network"]
    assert decision.projections[1].fields["status"] == "Finished"
    assert decision.projections[1].fields["seconds"]["reduce"] == 0.5
    assert world.session.model == model
    assert [type(order).__name__ for order in decision.orders] == ["ReleasePhase"] * 2


@pytest.mark.parametrize("aggregates", [False, True])
def test_a_commit_takes_over_the_memory_of_server_functions(planning, aggregates):
    """The memory is that of the plan, or that of the aggregation in its place; older ones are obsolete."""
    methods = ("client_selection", "aggregate") if aggregates else ("client_selection",)
    world = planning(*methods)
    world.tell(planned(world, ["a1"], BlobRef("planned", Digest.read("1" * 64, 1))))
    close_all(world)
    model, merged = (
        BlobRef(world.session.round.model_id, Digest.read("1" * 64, 2)),
        BlobRef("merged", Digest.read("2" * 64, 1)),
    )

    world.tell(Reduced(model, 0.5, merged))

    functions = world.session.functions
    assert functions.state.id == ("merged" if aggregates else "planned")
    assert functions.obsolete == (["planned"] if aggregates else [])
    assert (world.session.aggregator_state is None) is aggregates


# Validate


def test_the_next_round_trains_while_the_last_model_is_validated(new_world):
    """Both phases are open."""
    world = new_world(rounds=2, validate=True)

    play_until(world, lambda: world.session.number == 1)

    assert len(world.session.validations) == 1
    assert world.session.round.number == 2


@pytest.mark.parametrize("is_last", [True, False])
def test_time_in_which_the_last_client_still_validates_is_no_time_of_training(new_world, is_last):
    """The round's document has it apart; a client that was done early has held nobody up."""
    world = new_world(rounds=2, validate=True, places={"a": ["a1", "a2"]}, min_clients=2)
    play_until(world, lambda: world.session.number == 1 and len(world.open_tasks()) == 4)
    settle(world)
    training = world.session.round.phase.phase_id
    (validating,) = world.session.validations

    for seconds, phase_id, client in (
        (2.0, validating, "a1"),
        (1.0, training, "a1" if not is_last else "a2"),
        (4.0, training, "a1" if is_last else "a2"),
    ):
        world.now += seconds
        world.answer("a", phase_id, client)
        settle(world)
    play_until(world, lambda: world.session.number == 2)

    seconds = [
        each.fields["seconds"]
        for decision in world.decisions
        for each in decision.projections
        if each.collection == "rounds" and each.fields["status"] == "Finished"
    ]
    assert seconds[0]["validate"] == 0
    expected = (2.0, 5.0) if is_last else (0.0, 7.0)
    assert (seconds[1]["validate"], seconds[1]["train"]) == expected


def settle(world):
    """Let all orders and news arrive."""
    while world.orders or world.news:
        if world.orders:
            world.obey()
        else:
            world.hear()


def test_the_oldest_validation_ends_if_a_slow_client_has_too_many_before_it(new_world):
    """The number of validations is bounded."""
    world = new_world(rounds=limits.open_validations_max + 3, validate=True, places={"a": ["a1"]})
    while world.session.number < world.session.options.rounds:
        if world.orders:
            world.obey()
        elif world.news:
            world.hear()
        else:
            tasks = [
                each for each in world.open_tasks() if each[1] not in world.session.validations
            ]
            world.answer(*tasks[0])

    assert len(world.session.validations) == limits.open_validations_max


# Predict


@pytest.fixture
def predicting(new_world):
    """Return a prediction session that has asked its clients."""
    return new_world(kind=Kind.PREDICTION, round_retries=0, rounds=1)


def test_a_prediction_is_finished_when_all_combiners_have_closed(predicting):
    """The reason counts; people see no rounds."""
    predicting.play()

    assert predicting.session.status is Status.FINISHED
    assert predicting.session.reason == "3 of 3 clients predicted"
    assert predicting.machine.round_number == 0
    assert not any(decision.projections for decision in predicting.decisions)


def test_one_prediction_is_enough_and_the_reason_names_the_others(predicting):
    """The reason tells people whom to ask."""
    while predicting.orders:
        predicting.obey()
    for combiner, phase_id, client in predicting.open_tasks():
        predicting.answer(combiner, phase_id, client, fails=client != "b1")
    predicting.play()

    assert predicting.session.status is Status.FINISHED
    assert predicting.session.reason == "1 of 3 clients predicted (a1: failed; a2: failed)"


def test_without_any_prediction_the_session_fails(predicting):
    """The reason has the same counts."""
    close_all(predicting, answers=0)

    assert predicting.session.status is Status.FAILED
    assert predicting.session.reason == "0 of 3 clients predicted"


def test_a_prediction_fails_if_no_client_can_predict(new_session):
    """The session waits for such a client until the deadline."""
    world = World(new_session(kind=Kind.PREDICTION, round_retries=0), {"a": []})
    world.begin()

    world.play()

    assert world.session.status is Status.FAILED
    assert "0 of at least 1 clients were connected" in world.session.reason
