"""The stage in which server functions choose: who is asked, what they bring, and what a failure costs."""

import pytest

from fednet.controller.sessions.events import (
    Began,
    Broke,
    CombinerBack,
    NetworkChanged,
    PhaseClosed,
    Plan,
    Planned,
    PlanRefused,
    Reduce,
    Reduced,
    ReduceRefused,
    StartPhase,
    StopAsked,
    TimePassed,
    Unheard,
)
from fednet.controller.sessions.functions import FunctionsMachine
from fednet.controller.sessions.orders import phase_request
from fednet.controller.sessions.state import BlobRef, Functions, Session, Stage, Status

ABLE = frozenset({"TRAIN", "VALIDATE"})
CONNECTED = {"a": {"a1": ABLE, "a2": ABLE}, "b": {"b1": ABLE}}
NOW = 1000.0


def network_of(connected, allowing="ab"):
    """The picture of a network in which these combiners allow server functions."""
    return NetworkChanged(connected, frozenset(allowing))


NETWORK = network_of(CONNECTED)


@pytest.fixture
def planning(new_session):
    """Makes a machine whose functions have been asked to plan; and the order."""

    def make(*methods, network=NETWORK, **fields):
        functions = Functions("class F: ...", list(methods or ("client_selection",)))
        machine = FunctionsMachine(new_session(functions=functions, **fields))
        machine.handle(Began(), NOW)
        [order] = machine.handle(network, NOW).actions
        assert isinstance(order, Plan)
        return machine, order

    return make


def phase_id_of(machine):
    return machine.session.round.phase.phase_id


def ref(name):
    return BlobRef(name, 1, "0" * 64)


def test_one_combiner_is_asked_with_all_clients_that_can_train(planning):
    """Wherever they are connected; those that only validate are none of them."""
    only = frozenset({"VALIDATE"})

    _, order = planning(network=network_of({"b": {"b1": ABLE}, "a": {"a1": ABLE, "v": only}}))

    assert (order.combiner, order.clients) == ("a", ["a1", "b1"])


def test_functions_that_only_aggregate_plan_nothing(new_session):
    """The round begins as without them."""
    machine = FunctionsMachine(new_session(functions=Functions("class F: ...", ["aggregate"])))
    machine.handle(Began(), NOW)

    step = machine.handle(NETWORK, NOW)

    assert all(isinstance(action, StartPhase) for action in step.actions)
    assert machine.session.stage is Stage.TRAINING


def test_the_chosen_train_with_the_settings(planning):
    """Also more of them than requested_clients, and each on its combiner."""
    machine, _ = planning(requested_clients=1)

    step = machine.handle(Planned(phase_id_of(machine), ["a2", "b1"], {"lr": 0.5}), NOW)

    assert {s.combiner: s.phase.shares[s.combiner].clients for s in step.actions} == {
        "a": ["a2"],
        "b": ["b1"],
    }
    assert machine.session.round.phase.settings == {"lr": 0.5}


def test_without_a_selection_as_many_are_drawn_as_are_requested(planning):
    """Settings alone choose nobody."""
    machine, _ = planning("client_settings", requested_clients=2)

    machine.handle(Planned(phase_id_of(machine), [], {"lr": 0.5}), NOW)

    assert machine.session.round.phase.clients == 2


def test_who_has_left_since_is_left_out(planning):
    """With those who are still there the round goes on."""
    machine, _ = planning()
    machine.handle(network_of({"a": {"a1": ABLE}}), NOW)

    machine.handle(Planned(phase_id_of(machine), ["a1", "b1"], {}), NOW)

    assert machine.session.round.phase.clients == 1


def test_fewer_than_min_clients_fail_the_round(planning):
    """With that reason, in the session and in the round's document."""
    machine, _ = planning(min_clients=2, round_retries=0)

    step = machine.handle(Planned(phase_id_of(machine), ["a1"], {}), NOW)

    words = "the server functions chose 1 of at least 2 clients"
    assert machine.session.status is Status.FAILED
    assert words in machine.session.reason
    assert step.records[-1].fields["problems"] == [words]


@pytest.mark.parametrize("stage", ["plan", "aggregate"])
def test_a_failure_repeats_the_round_and_then_fails_the_session_with_its_traceback(planning, stage):
    """The traceback stands in the reason and in the round's problems."""
    machine, _ = planning(round_retries=2)
    traceback = 'Traceback: File "server_functions.py", line 3'

    for _ in range(3):
        phase_id, model_id = phase_id_of(machine), machine.session.round.model_id
        if stage == "plan":
            step = machine.handle(PlanRefused(phase_id, traceback), NOW)
        else:
            machine.handle(Planned(phase_id, ["a1"], {}), NOW)
            machine.handle(PhaseClosed("a", phase_id, 1, 1.0), NOW)
            step = machine.handle(ReduceRefused(model_id, traceback), NOW)

    assert machine.session.status is Status.FAILED
    assert "Round 1 failed 3 times" in machine.session.reason
    assert traceback in machine.session.reason
    assert traceback in step.records[-1].fields["problems"][-1]


def test_an_attempt_is_planned_anew_from_what_was_remembered_before(planning):
    """What the failed attempt remembered is deleted; each attempt has a seed of its own."""
    machine, first = planning("client_selection", "aggregate")
    phase_id = phase_id_of(machine)
    machine.handle(Planned(phase_id, ["a1"], {}, ref("planned")), NOW)

    machine.handle(PhaseClosed("a", phase_id, 0, 0.0), NOW)

    assert machine.session.stage is Stage.PLANNING
    assert phase_id_of(machine) != phase_id == first.round.phase.phase_id
    assert machine.session.round.functions_state is None
    assert machine.session.functions.obsolete == ["planned"]


@pytest.mark.parametrize("aggregates", [True, False])
def test_a_commit_takes_over_what_the_functions_remember(planning, aggregates):
    """Of the last step; what they remembered on the way is deleted with the next round."""
    methods = ["client_selection", *(["aggregate"] if aggregates else [])]
    machine, _ = planning(*methods, rounds=2)
    machine.session.functions.state = ref("before")
    machine.handle(Planned(phase_id_of(machine), ["a1"], {}, ref("planned")), NOW)
    machine.handle(PhaseClosed("a", phase_id_of(machine), 1, 1.0), NOW)
    model = ref(machine.session.round.model_id)

    machine.handle(Reduced(model, 0.1, ref("of-the-reducer")), NOW)

    session = machine.session
    assert session.functions.state == ref("of-the-reducer" if aggregates else "planned")
    assert session.functions.obsolete == (["before", "planned"] if aggregates else ["before"])
    assert session.aggregator_state == (None if aggregates else ref("of-the-reducer"))
    assert session.round.functions_state == session.functions.state


def test_a_planner_that_goes_away_is_replaced(planning):
    """At once, where another is connected; else by the first that comes."""
    machine, _ = planning()

    [other] = machine.handle(network_of({"b": {"b1": ABLE}}), NOW).actions
    nobody = machine.handle(network_of({}), NOW).actions
    [again] = machine.handle(NETWORK, NOW).actions

    assert (other.combiner, nobody, again.combiner) == ("b", [], "a")


def test_an_order_to_plan_that_was_not_heard_goes_to_another(planning):
    """Once; who answered meanwhile has answered."""
    machine, order = planning()

    [again] = machine.handle(Unheard(order), NOW).actions
    machine.handle(Planned(phase_id_of(machine), ["a1"], {}), NOW)
    late = machine.handle(Unheard(again), NOW)

    assert again.combiner == "b"
    assert late.actions == []


def test_a_controller_that_comes_back_asks_again(planning):
    """As soon as a combiner is there."""
    machine, order = planning()
    restarted = FunctionsMachine(Session.from_dict(machine.session.to_dict()))

    restarted.handle(Began(), NOW + 1)
    restarted.handle(CombinerBack("a"), NOW + 1)
    [again] = restarted.handle(NETWORK, NOW + 1).actions

    assert isinstance(again, Plan)
    assert phase_id_of(restarted) == order.round.phase.phase_id


@pytest.mark.parametrize("event", [StopAsked("enough"), Broke("no disk")])
def test_what_an_unfinished_round_remembered_is_taken_back_when_the_session_ends(planning, event):
    """It is deleted with the first round that somebody adds."""
    machine, _ = planning()
    machine.handle(Planned(phase_id_of(machine), ["a1"], {}, ref("planned")), NOW)

    machine.handle(event, NOW)

    assert machine.session.functions.obsolete == ["planned"]


def test_a_second_plan_changes_nothing(planning):
    """Nor does one of an earlier attempt."""
    machine, _ = planning()
    planned = Planned(phase_id_of(machine), ["a1"], {})
    machine.handle(planned, NOW)

    step = machine.handle(planned, NOW)

    assert (step.actions, step.records) == ([], [])
    assert not any(isinstance(action, Reduce) for action in step.actions)


# Combiners that forbid them


@pytest.mark.parametrize(("allowing", "asked"), [("a", "a"), ("b", "b"), ("ab", "a"), ("bx", "b")])
def test_only_a_connected_combiner_that_allows_them_is_asked_to_plan(planning, allowing, asked):
    """With the clients of all, also of those that forbid them; and again where it was not heard."""
    machine, order = planning(network=network_of(CONNECTED, allowing))

    alone = machine.handle(network_of(CONNECTED, asked), NOW)
    [again] = machine.handle(Unheard(order), NOW).actions

    assert (order.combiner, again.combiner) == (asked, asked)
    assert order.clients == ["a1", "a2", "b1"]
    assert alone.actions == []


def test_a_plan_waits_for_a_combiner_that_allows_them(planning):
    """One that came back without them is replaced; at the deadline the reason says what was missing."""
    machine, _ = planning(round_retries=0)

    nobody = machine.handle(network_of(CONNECTED, ""), NOW).actions
    [later] = machine.handle(network_of(CONNECTED, "b"), NOW).actions
    machine.handle(network_of(CONNECTED, ""), NOW)
    machine.handle(TimePassed(), machine.next_deadline())

    assert (nobody, later.combiner) == ([], "b")
    assert "no combiner that allows server functions planned it" in machine.session.reason


@pytest.fixture
def training(new_session):
    """Makes a machine whose functions aggregate, with its round in training; and the orders to begin."""

    def make(network, *methods):
        functions = Functions("class F: ...", list(methods or ("aggregate",)))
        machine = FunctionsMachine(new_session(functions=functions))
        machine.handle(Began(), NOW)
        return machine, machine.handle(network, NOW).actions

    return make


def all_closed(machine):
    """All combiners have answered; the orders that follow."""
    phase = machine.session.round.phase
    for name in phase.shares:
        step = machine.handle(PhaseClosed(name, phase.phase_id, 1, 1.0), NOW)
    return step.actions


@pytest.mark.parametrize("allowing", ["a", "b"])
def test_a_combiner_that_allows_them_aggregates_what_all_have(training, allowing):
    """Also where another holds more of it; where it goes away, nobody is asked until it is back."""
    machine, begun = training(network_of(CONNECTED, allowing))

    [order] = all_closed(machine)
    away = {name: clients for name, clients in CONNECTED.items() if name != allowing}
    nobody = machine.handle(network_of(away, ""), NOW).actions
    [again] = machine.handle(network_of(CONNECTED, allowing), NOW).actions

    assert [start.combiner for start in begun] == ["a", "b"]
    assert isinstance(order, Reduce)
    assert (order.combiner, nobody, again.combiner) == (allowing, [], allowing)


@pytest.mark.parametrize("allowing", ["a", "b", ""])
def test_updates_are_shared_where_their_only_combiner_may_not_aggregate(training, allowing):
    """So that another can, also one that connects later; where it may, they stay with it."""
    machine, [start] = training(network_of({"a": {"a1": ABLE}, "b": {}}, allowing))
    request = phase_request(machine.session, start)
    restarted = FunctionsMachine(Session.from_dict(machine.session.to_dict()))

    restarted.handle(network_of({"a": {}, "b": {}}, allowing), NOW)
    asked = [order.combiner for order in all_closed(restarted)]

    assert request.share_partial is (allowing != "a")
    assert asked == list(allowing)


def test_functions_that_only_plan_share_no_updates(training):
    """The aggregator merges where it always does, also on a combiner that forbids them."""
    machine, [plan] = training(network_of({"a": {"a1": ABLE}, "b": {}}, "b"), "client_selection")
    [start] = machine.handle(Planned(phase_id_of(machine), ["a1"], {}), NOW).actions

    [order] = all_closed(machine)

    assert not phase_request(machine.session, start).share_partial
    assert (plan.combiner, order.combiner) == ("b", "a")
