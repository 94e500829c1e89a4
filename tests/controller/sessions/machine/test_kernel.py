"""The kernel: attempts, the pause between them, deadlines, pausing, more rounds and the end."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_world import World, restarted, session_with

from fednet import limits
from fednet.controller.sessions.machine.events import (
    Began,
    Broke,
    MoreRoundsAsked,
    PauseAsked,
    PhaseClosed,
    ReduceRefused,
    ResumeAsked,
    StopAsked,
    TimeLost,
    TimePassed,
)
from fednet.controller.sessions.machine.kernel import Machine
from fednet.controller.sessions.machine.orders import ReduceRound, ReleasePhase, StartPhase
from fednet.controller.sessions.machine.state import BlobRef, Kind, Session, Status
from fednet.digests import Digest

SEED = BlobRef("seed-model", Digest.read("0" * 64, 1))


def of_kind(orders, kind):
    return [order for order in orders if isinstance(order, kind)]


def fail_attempt(world, why="broken"):
    """Let every client of the attempt fail."""
    while world.orders:
        world.obey()
    for combiner, phase_id, client in world.open_tasks():
        world.answer(combiner, phase_id, client, fails=True)
    while world.news:
        world.hear()
    assert why


def test_a_session_runs_its_rounds_and_finishes(new_world):
    """Each round makes the next model of the trail."""
    world = new_world(rounds=3)

    world.play()

    models = [
        each for made in world.decisions for each in made.projections if each.collection == "models"
    ]
    assert (world.session.status, world.session.reason) == (Status.FINISHED, "all rounds are done")
    assert [each.fields["parent_id"] for each in models] == [
        "seed-model",
        models[0].id,
        models[1].id,
    ]


def test_a_session_fails_after_its_retries_with_the_last_problem(new_world):
    """The reason says the round, the number of attempts and the last problem."""
    world = new_world(round_retries=1, places={"a": ["a1"]})

    fail_attempt(world)
    world.pass_time()
    fail_attempt(world)

    assert world.session.status is Status.FAILED
    assert world.session.reason == (
        "Round 1 failed 2 times; the last time 0 of at least 1 clients answered (a1: failed)."
    )


def test_the_pause_between_attempts_grows_up_to_a_limit(new_world):
    """Retries are not used up at once."""
    world = new_world(round_retries=12, places={"a": ["a1"]})
    pauses = []

    for _ in range(12):
        fail_attempt(world)
        pauses.append(world.session.round.rests_until - world.now)
        world.pass_time()

    assert pauses[0] == limits.attempt_pause_seconds_first
    assert pauses[1] == pytest.approx(2 * pauses[0])
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(limits.attempt_pause_seconds_max)


def test_a_failed_attempt_of_merging_asks_nobody_to_train_again(new_world):
    """The updates stay at the combiners; only the merge is repeated, under another model's id."""
    world = new_world(places={"a": ["a1"]})
    while not of_kind(world.orders, ReduceRound):
        world.obey() if world.orders else (
            world.hear() if world.news else world.answer(*world.open_tasks()[0])
        )
    first = world.session.round.model_id
    world.orders.clear()

    world.tell(ReduceRefused(first, "no partial"))
    world.pass_time()
    world.play()

    assert world.session.status is Status.FINISHED
    assert list(world.trainings.values()) == [1]
    assert world.session.model.id != first


def test_a_stopped_session_ends_and_releases_its_phases(new_world):
    """Its round is recorded as terminated."""
    world = new_world()

    decision = world.tell(StopAsked("enough"))

    assert (world.session.status, world.session.reason) == (Status.TERMINATED, "enough")
    assert {order.combiner for order in of_kind(decision.orders, ReleasePhase)} == {"a", "b"}
    assert [each.fields["status"] for each in decision.projections] == ["Terminated"]
    assert world.machine.next_deadline() is None


def test_a_session_that_the_controller_cannot_go_on_with_fails(new_world):
    """Nobody waits for the session for ever."""
    world = new_world()

    world.tell(Broke("a bug"))

    assert (world.session.status, world.session.reason) == (Status.FAILED, "a bug")


def test_an_ended_session_decides_nothing_more(new_world):
    """Late events change nothing."""
    world = new_world()
    world.tell(StopAsked("enough"))
    before = world.session.to_dict()

    for event in (Began(), TimePassed(), ResumeAsked(), MoreRoundsAsked(2)):
        assert not world.tell(event).is_lasting

    assert world.session.to_dict() == before


def test_a_paused_session_finishes_its_round_and_begins_none_until_it_is_resumed(new_world):
    """A pause loses no work."""
    world = new_world(rounds=2)
    world.tell(PauseAsked())
    while world.session.number < 1:
        if world.orders:
            world.obey()
        elif world.news:
            world.hear()
        else:
            world.answer(*world.open_tasks()[0])

    paused = (world.session.status, world.session.round)
    world.tell(ResumeAsked())
    world.play()

    assert paused == (Status.PAUSED, None)
    assert world.session.status is Status.FINISHED


def test_a_session_that_is_paused_while_it_waits_for_clients_waits_without_a_deadline(new_session):
    """The session waits again, with a new deadline, once it is resumed."""
    world = World(new_session(), {"a": []})
    world.begin()

    world.tell(PauseAsked())
    paused = world.machine.next_deadline()
    world.tell(ResumeAsked())

    assert paused is None
    assert world.machine.next_deadline() == world.now + world.session.options.round_timeout


def test_more_rounds_go_on_from_a_session_that_drains(new_world):
    """The last validations are awaited beside the new round."""
    world = new_world(validate=True)
    while not world.session.is_draining:
        if world.orders:
            world.obey()
        elif world.news:
            world.hear()
        else:
            world.answer(*world.open_tasks()[0])

    world.tell(MoreRoundsAsked(1))

    assert world.session.round.number == 2
    world.play()
    assert (world.session.status, world.session.number) == (Status.FINISHED, 2)


def test_an_ended_session_goes_on_when_it_is_reopened(new_world):
    """It begins from its newest model."""
    world = new_world()
    world.play()
    first = world.session.model

    world.session.reopen(1)
    world.orders.clear()
    restarted(world)
    world.play()

    assert world.session.number == 2
    assert world.session.model != first


def test_a_session_that_goes_on_after_a_stop_in_a_merge_makes_another_model(new_world):
    """The merge may have left one of other updates, which must not be taken for the new one."""
    world = new_world(min_clients=2)
    phase_id = world.session.round.phase.phase_id
    world.tell(PhaseClosed("a", phase_id, 2, 20.0))
    world.tell(PhaseClosed("b", phase_id, 1, 10.0))
    assert world.step == "reduce"
    left = world.session.round.model_id
    world.tell(StopAsked("enough"))

    world.session.reopen(1)
    world.orders.clear()
    restarted(world)

    assert world.session.round.model_id != left


def test_no_deadline_is_judged_before_the_session_has_begun_again(new_world):
    """A controller was away beyond the deadline; the updates lie at the combiners and are told first."""
    world = new_world(round_retries=0)
    while world.orders:
        world.obey()
    for task in world.open_tasks():
        world.answer(*task)
    told = [each for each in world.news if type(each).__name__ == "PhaseClosed"]
    world.news.clear()
    world.now += 1000

    world.machine = Machine(Session.from_dict(world.session.to_dict()))
    for combiner in world.combiners.values():
        world.tell(world.up(combiner))
    world.begin()
    for each in told:
        world.tell(each)
    world.play()

    assert world.session.status is Status.FINISHED


def test_the_time_that_nobody_drove_the_session_counts_for_no_deadline(new_world):
    """The allowance is the time that was lost."""
    world = new_world()
    deadline = world.session.round.deadline
    world.now += 1000

    world.machine = Machine(Session.from_dict(world.session.to_dict()))
    world.tell(Began(away_seconds=1000))

    assert world.session.round.deadline == deadline + 1000


def test_time_that_the_controller_lost_moves_all_deadlines_on(new_world):
    """The controller was stopped, or without its store."""
    world = new_world()
    deadline = world.session.round.deadline

    world.tell(TimeLost(30))

    assert world.session.round.deadline == deadline + 30


def test_answers_and_joins_alone_are_no_lasting_decision(new_world):
    """The session's document is not written for each of 20,000 answers."""
    world = new_world(places={"a": ["a1", "a2"]})
    while world.orders:
        world.obey()
    world.news.clear()
    world.answer(*world.open_tasks()[0])
    world.move("a2", "a")

    assert [world.hear().is_lasting for _ in range(len(world.news))] == [False, False, False]
    assert world.machine.progress == {
        "phase": "training",
        "answers": 1,
        "clients": 2,
        "awaiting_approval": {},
    }


@pytest.mark.parametrize("kind", Kind)
def test_the_state_survives_its_document(new_session, kind):
    """The session from the JSON is the same at every moment of its life."""
    fields = {"rounds": 2, "validate": True} if kind is not Kind.PREDICTION else {}
    staleness = {"staleness_max": 3} if kind is Kind.ASYNCHRONOUS else {}
    world = World(new_session(kind=kind, **fields, **staleness), {"a": ["a1"], "b": ["b1"]})
    world.begin()

    while not world.session.status.is_final:
        stored = json.loads(json.dumps(world.session.to_dict()))
        assert Session.from_dict(stored).to_dict() == world.session.to_dict()
        if world.orders:
            world.obey()
        elif world.news:
            world.hear()
        elif world.open_tasks():
            world.answer(*world.open_tasks()[0])
        else:
            world.pass_time()


@given(killed_at=st.integers(0, 60), kind=st.sampled_from([Kind.TRAINING, Kind.PREDICTION]))
def test_a_controller_killed_at_any_moment_comes_to_the_same_end(killed_at, kind):
    """The model is the same, and nobody works twice."""

    def live(dies):
        session = session_with(
            session_id="s",
            document_id="document",
            kind=kind,
            helper="numpyhelper",
            model=SEED,
            rounds=1 if kind is Kind.PREDICTION else 2,
            round_timeout=60.0,
        )
        world = World(session, {"a": ["a1"], "b": ["b1"]})
        world.begin()
        for moment in range(200):
            if world.session.status.is_final:
                break
            if dies and moment == killed_at:
                world.orders.clear()
                restarted(world)
            if world.orders:
                world.obey()
            elif world.news:
                world.hear()
            elif world.open_tasks():
                world.answer(*world.open_tasks()[0])
            else:
                world.pass_time()
        return world

    undisturbed, killed = live(dies=False), live(dies=True)

    assert killed.session.model == undisturbed.session.model
    assert killed.session.status is Status.FINISHED
    assert max(killed.trainings.values()) == 1


def test_two_sessions_with_one_id_in_two_networks_make_different_models(new_session):
    """A blob store that outlives its documents never answers with a model of an earlier session."""
    worlds = [World(new_session(document_id=id_), {"a": ["a1"]}) for id_ in ("one", "two")]
    for world in worlds:
        world.begin()
        world.play()

    assert worlds[0].session.model.id != worlds[1].session.model.id


def test_started_shares_name_their_clients(new_world):
    """A combiner gets one order."""
    world = new_world()

    assert {order.combiner: order.clients for order in of_kind(world.orders, StartPhase)} == {
        "a": ("a1", "a2"),
        "b": ("b1",),
    }
