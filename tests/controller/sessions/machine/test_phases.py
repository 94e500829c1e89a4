"""The life of a phase: silent, refusing and lost combiners, clients that move, attempts that add to answers."""

import pytest
from session_world import ANSWERED

from fednet import limits
from fednet.controller.sessions.machine.events import (
    Answered,
    ClientJoined,
    CombinerUp,
    PhaseBegun,
    PhaseClosed,
    PhaseRefused,
    TimePassed,
    Unanswered,
    Unheard,
    Withdrawn,
)
from fednet.controller.sessions.machine.orders import (
    ClosePhase,
    ReduceRound,
    ReleasePhase,
    StartPhase,
    WithdrawClients,
)
from fednet.controller.sessions.machine.state import NOWHERE, Status


def obey_all(world):
    while world.orders:
        world.obey()


def hear_all(world):
    while world.news:
        world.hear()


def shares(world):
    return {name: share.clients for name, share in world.session.round.phase.shares.items()}


def test_a_silent_combiner_does_not_hold_up_the_others(new_world):
    """At the deadline the round goes on with the updates that are in."""
    world = new_world(min_clients=2)
    phase_id = world.session.round.phase.phase_id
    world.tell(PhaseClosed("a", phase_id, 2, 20.0))

    world.tell(TimePassed(), later=1000)

    assert world.step == "reduce"
    assert world.session.round.phase.shares["b"].failure == "the combiner b was silent"


def test_a_combiner_that_refuses_does_not_hold_up_the_others(new_world):
    """Its share counts as closed without an answer."""
    world = new_world(min_clients=2)
    phase_id = world.session.round.phase.phase_id

    world.tell(PhaseRefused("b", phase_id, "b: no room"))
    world.tell(PhaseClosed("a", phase_id, 2, 20.0))

    assert world.step == "reduce"
    assert world.session.round.phase.answers == 2


def test_answers_of_a_combiner_that_failed_in_the_end_do_not_count(new_world):
    """The combiner's partial is nowhere."""
    world = new_world(min_clients=3, round_retries=0)
    phase_id = world.session.round.phase.phase_id

    world.tell(PhaseClosed("a", phase_id, 2, 20.0))
    world.tell(PhaseClosed("b", phase_id, 1, 10.0, failure="the disk is full"))

    assert world.session.status is Status.FAILED
    assert "the disk is full" in world.session.reason


def test_a_repeated_attempt_asks_only_clients_without_an_answer(new_world):
    """Three train, one fails; the second attempt is one training."""
    world = new_world(min_clients=3)
    obey_all(world)
    for combiner, phase_id, client in world.open_tasks():
        world.answer(combiner, phase_id, client, fails=client == "a2")
    hear_all(world)
    world.pass_time()

    asked = [(order.combiner, order.clients) for order in world.orders]
    world.play()

    assert asked == [("a", ("a2",))]
    assert set(world.trainings.values()) == {1}
    assert world.session.status is Status.FINISHED


def test_totals_of_an_earlier_attempt_are_out_of_date(new_world):
    """The totals arrive after the combiner was asked for more."""
    world = new_world(min_clients=3)
    phase = world.session.round.phase
    for name, count in (("a", 1), ("b", 1)):
        world.tell(PhaseClosed(name, phase.phase_id, count, 10.0))
    world.pass_time()

    world.tell(PhaseClosed("a", phase.phase_id, 1, 10.0, attempt=0))

    assert not phase.shares["a"].closed
    world.tell(PhaseClosed("a", phase.phase_id, 2, 20.0, attempt=1))
    assert phase.shares["a"].closed


def test_a_task_follows_its_client_to_another_combiner(new_world):
    """The first combiner is asked to let it go; then the second one asks the client."""
    world = new_world()
    obey_all(world)
    world.news.clear()

    world.move("a1", "b")
    hear_all(world)
    [order] = world.orders
    world.play()

    assert isinstance(order, WithdrawClients)
    assert (order.combiner, order.clients) == ("a", ("a1",))
    assert set(world.trainings.values()) == {1}


def test_totals_that_come_before_the_answer_to_a_withdrawal_count_the_client_as_moved(new_world):
    """A share closes with its last withdrawal: the phase goes on at the other combiner."""
    world = new_world(min_clients=3)
    phase = world.session.round.phase
    for client in ("a1", "a2"):
        world.move(client, "b")
    hear_all(world)

    world.tell(PhaseClosed("a", phase.phase_id, 0, 0.0))

    assert world.session.round.phase is phase
    assert (phase.shares["a"].clients, phase.shares["a"].closed) == ([], True)
    assert {"a1", "a2"} <= set(phase.shares["b"].clients)
    assert not phase.shares["b"].closed


def test_a_client_whose_answer_is_in_is_not_asked_where_it_moves(new_world):
    """Its update counts where it lies."""
    world = new_world()
    obey_all(world)
    [task] = [each for each in world.open_tasks() if each[2] == "a1"]
    world.answer(*task)
    hear_all(world)

    world.move("a1", "b")
    hear_all(world)

    assert world.orders == []
    world.play()
    assert set(world.trainings.values()) == {1}


def test_an_answer_that_comes_before_the_withdrawal_stays_where_it_is(new_world):
    """The combiner says so, and nobody asks the client again."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    phase_id = world.session.round.phase.phase_id
    world.move("a1", "b")
    hear_all(world)
    world.combiners["a"].phases[phase_id].tasks["a1"] = ANSWERED
    world.work("a1", phase_id)

    world.play()

    assert world.trainings["a1", phase_id] == 1
    assert shares_when_reduced(world)["a"] == ["a1", "a2"]


def shares_when_reduced(world):
    phases = [
        order.round.parts[0]
        for decision in world.decisions
        for order in decision.orders
        if isinstance(order, ReduceRound)
    ]
    return {name: share.clients for name, share in phases[-1].shares.items()}


def test_the_clients_of_a_lost_combiner_are_asked_where_they_are_within_ten_seconds(new_world):
    """The clients need not wait for the deadline of the round."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    world.kill("a")
    for client in ("a1", "a2"):
        world.move(client, "b")
    hear_all(world)
    died_at = world.now

    world.pass_time()

    assert world.now - died_at <= limits.combiner_away_seconds_max < 10
    assert shares(world) == {"b": ["b1", "a1", "a2"]}
    world.play()
    assert world.session.status is Status.FINISHED


def test_a_client_of_a_lost_combiner_that_comes_later_is_asked_then(new_world):
    """The client is nowhere until then, and is waited for."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    world.kill("a")
    world.move("a1", "b")
    hear_all(world)
    world.pass_time()
    nowhere = shares(world)[NOWHERE]

    world.move("a2", "b")
    hear_all(world)

    assert nowhere == ["a2"]
    assert shares(world) == {"b": ["b1", "a1", "a2"]}


def test_a_combiner_that_is_away_keeps_its_clients_while_none_is_seen_elsewhere(new_world):
    """Perhaps only the link to the controller is cut, so the clients stay."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    world.kill("a")
    hear_all(world)

    world.pass_time()

    assert shares(world) == {"a": ["a1", "a2"], "b": ["b1"]}


def test_clients_that_moved_while_their_combiner_was_away_for_a_moment_are_followed(new_world):
    """It is back before it counts as lost, and would wait for them until the deadline."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    world.kill("a")
    world.move("a1", "b")
    hear_all(world)
    assert world.orders == []

    decision = world.tell(CombinerUp("a", {"a2": frozenset({"TRAIN"})}))

    [start, withdrawal] = decision.orders
    assert (start.combiner, start.clients) == ("a", ("a1", "a2"))
    assert withdrawal == WithdrawClients("a", start.phase_id, ("a1",))


def test_a_client_whose_answer_is_lost_is_asked_where_it_is_now(new_world):
    """Its first combiner lets it go first."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    phase_id = world.session.round.phase.phase_id
    world.tell(Answered(phase_id, "a", "a1"))
    world.tell(ClientJoined("b", "a1", frozenset({"TRAIN"})))
    assert world.orders == []

    decision = world.tell(Unanswered(phase_id, "a1", "a1", "damaged", lost_at="a"))
    moved = world.tell(Withdrawn("a", phase_id, frozenset({"a1"})))

    assert decision.orders == [WithdrawClients("a", phase_id, ("a1",))]
    [start] = [each for each in moved.orders if each.combiner == "b"]
    assert (type(start), start.clients) == (StartPhase, ("a1",))


def test_a_loss_takes_nothing_from_another_combiner(new_world):
    """A combiner that comes back late may tell of an answer that counts elsewhere by then."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    phase_id = world.session.round.phase.phase_id
    world.tell(Answered(phase_id, "a", "a1"))

    world.tell(Unanswered(phase_id, "a1", "a1", "damaged", lost_at="b"))

    assert world.machine.progress["answers"] == 1


def test_a_client_that_has_failed_is_left_alone_where_it_moves(new_world):
    """Its task has ended; only a further attempt asks again."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    phase_id = world.session.round.phase.phase_id
    world.tell(Answered(phase_id, "a", "a1"))
    world.tell(ClientJoined("b", "a1", frozenset({"TRAIN"})))

    decision = world.tell(Unanswered(phase_id, "a1", "a1", "it failed"))

    assert decision.orders == []


def test_a_lost_combiner_that_comes_back_releases_the_phase(new_world):
    """Its clients are asked elsewhere by then."""
    world = new_world()
    obey_all(world)
    world.news.clear()
    world.kill("a")
    for client in ("a1", "a2"):
        world.move(client, "b")
    hear_all(world)
    world.pass_time()
    world.orders.clear()

    phase_id = world.session.round.phase.phase_id
    decision = world.tell(CombinerUp("a", {}, phases=frozenset({phase_id})))

    assert decision.orders == [ReleasePhase("a", phase_id)]


def test_a_combiner_that_is_back_hears_the_open_orders_again(new_world):
    """The start comes first, with the clients that have not answered; then the close."""
    world = new_world(round_buffer_size=1)
    phase_id = world.session.round.phase.phase_id
    world.tell(Answered(phase_id, "a", "a1"))
    world.orders.clear()

    decision = world.tell(CombinerUp("a", dict.fromkeys(["a1", "a2"], frozenset({"TRAIN"}))))

    assert [(type(order), order.combiner) for order in decision.orders] == [
        (StartPhase, "a"),
        (ClosePhase, "a"),
    ]
    assert decision.orders[0].clients == ("a2",)


@pytest.mark.parametrize("is_closed", [False, True])
def test_an_unheard_start_is_given_again_while_it_stands(new_world, is_closed):
    """The start is not given again once its share is closed."""
    world = new_world()
    order = world.orders[0]
    if is_closed:
        world.tell(PhaseClosed("a", order.phase_id, 2, 20.0))

    decision = world.tell(Unheard(order))

    assert [each.combiner for each in decision.orders] == ([] if is_closed else ["a"])


def test_the_buffer_size_closes_all_shares_once(new_world):
    """The close is ordered once, although more answers come, and one comes twice."""
    world = new_world(round_buffer_size=2)
    phase_id = world.session.round.phase.phase_id
    answers = [("a", "a1"), ("a", "a1"), ("b", "b1"), ("a", "a2")]

    asked = [
        [order.combiner for order in world.tell(Answered(phase_id, *who)).orders] for who in answers
    ]

    assert asked == [[], [], ["a", "b"], []]


def test_partials_are_shared_once_a_second_combiner_has_a_part(new_world):
    """The first combiner is told so when a task follows its client."""
    world = new_world(places={"a": ["a1", "a2"], "b": []})
    obey_all(world)
    alone = world.session.round.phase.is_shared
    hear_all(world)

    world.move("a1", "b")
    hear_all(world)
    world.obey()
    world.hear()

    assert (alone, world.session.round.phase.is_shared) == (False, True)
    assert {order.combiner for order in world.orders} == {"a", "b"}


def test_problems_are_bounded_and_each_is_told_once(new_world):
    """The newest problems are kept."""
    world = new_world()
    phase_id = world.session.round.phase.phase_id
    count = limits.round_problems_max + 5

    for number in (*range(count), count - 1):
        world.tell(Unanswered(phase_id, "a1", "site-1", f"broken {number}"))

    expected = [f"site-1: broken {number}" for number in range(5, count)]
    assert world.session.round.problems == expected


def test_a_round_is_planned_when_the_last_combiner_has_sent_its_tasks(new_world):
    """The time after that is the clients'."""
    world = new_world()
    phase_id = world.session.round.phase.phase_id

    world.tell(PhaseBegun("a", phase_id), later=1)
    first = world.session.round.planned_at
    world.tell(PhaseBegun("b", phase_id), later=1)

    assert (first, world.session.round.planned_at) == (0.0, 1002.0)
