"""The machine of asynchronous sessions: what each event brings, and that no update is merged twice or lost."""

import json
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fednet import limits
from fednet.controller.sessions.asynchronous import (
    AsynchronousMachine,
    buffer_size,
)
from fednet.controller.sessions.events import (
    Answered,
    Began,
    CombinerBack,
    MoreRoundsAsked,
    NetworkChanged,
    PauseAsked,
    PhaseClosed,
    PhaseRefused,
    Reduce,
    Reduced,
    ReduceRefused,
    ReleasePhase,
    ResumeAsked,
    StartPhase,
    StopAsked,
    TimePassed,
    Unanswered,
    Unheard,
)
from fednet.controller.sessions.kinds import machine_of
from fednet.controller.sessions.machine import Machine
from fednet.controller.sessions.orders import phase_request, reduction
from fednet.controller.sessions.state import BlobRef, Session, Stage, Status

ABLE = frozenset({"TRAIN", "VALIDATE"})
NETWORK = NetworkChanged({"a": {"a1": ABLE, "a2": ABLE}, "b": {"b1": ABLE}})
NOBODY = NetworkChanged({})
NOW = 1000.0


@pytest.fixture
def machine_of_three(new_session):
    """Makes a machine whose three clients have been sent out; by default two updates make a model."""

    def make(**fields):
        options = {"rounds": 3, "round_buffer_size": 2, "staleness_max": 5, "validate": False}
        machine = machine_of(new_session(**(options | fields)))
        machine.handle(NETWORK, NOW)
        machine.handle(Began(), NOW)
        return machine

    return make


def restarted(machine):
    """What the next controller has: the document, and nothing else."""
    return machine_of(Session.from_dict(json.loads(json.dumps(machine.session.to_dict()))))


def flight_of(machine, client):
    """The client's flight that is open."""
    [found] = [f for f in machine.session.flights.values() if f.client == client and f.is_open]
    return found


def closed(flight, answers=1, failure=""):
    [combiner] = flight.phase.shares
    return PhaseClosed(combiner, flight.phase.phase_id, answers, 10.0 * answers, failure)


def land(machine, client, now=NOW):
    """A client's update comes in; the actions that follow."""
    flight = flight_of(machine, client)
    step = machine.handle(Answered(flight.phase.phase_id, f"name of {client}", 10.0), now)
    assert step.actions == []
    return machine.handle(closed(flight), now).actions


def fail(machine, client, why="broken"):
    """A client's code fails; the actions that follow."""
    flight = flight_of(machine, client)
    machine.handle(Unanswered(flight.phase.phase_id, f"name of {client}", why), NOW)
    return machine.handle(closed(flight, answers=0), NOW).actions


def commit(machine, now=NOW):
    """The model that the running round waits for is written; the step that follows."""
    return machine.handle(Reduced(BlobRef(machine.session.round.model_id, 2, "1" * 64), 0.1), now)


def started(actions):
    """Who is sent out by these actions."""
    return [each.phase.shares[each.combiner].clients for each in actions if is_start(each)]


def is_start(action):
    return isinstance(action, StartPhase) and action.phase.kind == "TRAIN"


# Sending out, and landing


def test_each_client_gets_a_phase_of_its_own(machine_of_three):
    """With the newest model, its own deadline, and a partial that any combiner finds."""
    machine = machine_of_three()

    flights = list(machine.session.flights.values())

    assert sorted(flight.client for flight in flights) == ["a1", "a2", "b1"]
    assert len({flight.phase.phase_id for flight in flights}) == 3
    for flight in flights:
        [combiner] = flight.phase.shares
        order = StartPhase(combiner, flight.phase, "r")
        request = phase_request(machine.session, order)
        assert (list(request.clients), request.share_partial) == ([flight.client], True)
        assert request.model.id == machine.session.model.id


def test_who_has_answered_is_sent_out_at_once(machine_of_three):
    """It waits for nobody; the round goes on."""
    machine = machine_of_three()

    actions = land(machine, "a1")

    assert started(actions) == [["a1"]]
    assert machine.session.stage is Stage.TRAINING
    assert len(machine.session.flights) == 4


def test_at_most_requested_clients_train_at_once(machine_of_three):
    """The next one is drawn when a place is free."""
    machine = machine_of_three(requested_clients=2)

    assert len(machine.session.flights) == 2
    some = next(iter(machine.session.flights.values())).client
    assert len(started(land(machine, some))) == 1


def test_a_full_buffer_becomes_a_model_and_the_others_fly_on(machine_of_three):
    """The round holds those two, with their examples; the third is neither released nor asked again."""
    machine = machine_of_three()
    slow = flight_of(machine, "b1")
    land(machine, "a1")

    [reduce] = land(machine, "a2")

    assert isinstance(reduce, Reduce)
    assert [flight.client for flight in reduce.round.merged] == ["a1", "a2"]
    step = commit(machine)
    released = {action.phase_id for action in step.actions if isinstance(action, ReleasePhase)}
    assert released == {flight.phase.phase_id for flight in reduce.round.merged}
    assert flight_of(machine, "b1") is slow
    assert started(step.actions) == [["a2"]]


def test_the_order_to_merge_says_how_old_each_update_is(machine_of_three):
    """A stale one with its base; one from the round's own model without."""
    machine = machine_of_three(round_buffer_size=3)
    for client in ("a1", "a2", "a1"):
        last = land(machine, client)
    commit(machine)
    land(machine, "a1")
    land(machine, "b1")
    [reduce] = land(machine, "a1")

    asked = reduction(machine.session, reduce)

    assert isinstance(last[0], Reduce)
    assert [partial.staleness for partial in asked.partials] == [1, 0, 0]
    assert [partial.base.id for partial in asked.partials] == ["seed-model", "", ""]
    assert [each["staleness"] for each in reduce.round.answers] == [1, 0, 0]
    assert asked.base.id == machine.session.model.id != "seed-model"


def test_what_lands_while_a_round_is_merged_is_in_the_next(machine_of_three):
    """Its client waits for the model that is about to come, and begins with that."""
    machine = machine_of_three()
    land(machine, "a1")
    land(machine, "a2")

    meanwhile = land(machine, "b1")
    step = commit(machine)

    assert meanwhile == []
    assert machine.session.stage is Stage.TRAINING
    assert machine.session.round.answers[0]["client"] == "name of b1"
    assert {flight.phase.model.id for flight in machine.session.flights.values()} >= {
        machine.session.model.id
    }
    assert sorted(started(step.actions)) == [["a2"], ["b1"]]


def test_the_document_of_a_round_tells_what_it_merged(machine_of_three):
    """Each answer with its staleness, each combiner with its updates."""
    machine = machine_of_three()
    land(machine, "a1")
    land(machine, "b1")

    record = next(each for each in commit(machine).records if each.collection == "rounds")

    assert (record.fields["status"], record.fields["updates"]) == ("Finished", 2)
    assert record.fields["examples"] == 20
    told = [(each["client"], each["staleness"]) for each in record.fields["answers"]]
    assert told == [("name of a1", 0), ("name of b1", 0)]
    assert {each["name"]: each["updates"] for each in record.fields["combiners"]} == {
        "a": 1,
        "b": 1,
    }


@pytest.mark.parametrize(
    ("requested", "least", "asked", "expected"),
    [(8, 1, -1, 4), (100, 1, -1, 10), (2, 1, -1, 1), (8, 6, -1, 6), (8, 1, 7, 7)],
)
def test_by_default_half_of_those_that_train_at_once_make_a_model(
    new_session, requested, least, asked, expected
):
    """Ten at the most, min_clients at the least; or as many as were asked for."""
    session = new_session(
        requested_clients=requested, min_clients=least, round_buffer_size=asked, staleness_max=1
    )

    assert buffer_size(session) == expected


def test_only_an_aggregator_that_takes_stale_updates_makes_a_session_asynchronous(new_session):
    """All others go on as they did."""
    assert type(machine_of(new_session(staleness_max=1))) is AsynchronousMachine
    assert type(machine_of(new_session())) is Machine


def test_min_clients_means_different_clients(machine_of_three):
    """Two updates of one are not enough; it is not asked for a third, and others still may answer."""
    machine = machine_of_three(min_clients=2)

    land(machine, "a1")
    after_two = land(machine, "a1")
    [reduce] = land(machine, "b1")

    assert started(after_two) == []
    assert sorted(flight.client for flight in reduce.round.merged) == ["a1", "a1", "b1"]


# Clients that do not do well


def test_who_has_failed_is_not_asked_again_in_this_round(machine_of_three):
    """A broken client cannot spin; with the next round it may try again."""
    machine = machine_of_three()

    assert started(fail(machine, "a1")) == []
    assert machine.session.round.problems == ["name of a1: broken"]
    land(machine, "a2")
    land(machine, "b1")
    assert ["a1"] in started(commit(machine).actions)


def test_a_combiner_that_refuses_or_fails_is_named(machine_of_three):
    """The problem is in the round, whatever it was."""
    machine = machine_of_three()
    refused, without_disk = flight_of(machine, "a1"), flight_of(machine, "b1")

    machine.handle(PhaseRefused("a", refused.phase.phase_id, "a: no room"), NOW)
    machine.handle(closed(without_disk, failure="the disk is full"), NOW)

    assert machine.session.round.problems == ["a: no room", "the disk is full"]
    assert [flight.client for flight in machine.session.flights.values()] == ["a2"]


def test_a_round_that_nobody_is_left_for_is_tried_again_and_then_fails(machine_of_three):
    """Without waiting for its deadline; with the last problem in the reason."""
    machine = machine_of_three(round_retries=1)

    for attempt in ("once", "twice"):
        for client in ("a1", "a2", "b1"):
            fail(machine, client, f"broken {attempt}")

    assert machine.session.status is Status.FAILED
    assert "Round 1 failed 2 times; the last time 0 of at least 1" in machine.session.reason
    assert "name of b1: broken twice" in machine.session.reason


def test_with_nobody_left_those_that_are_in_are_enough_if_they_are_min_clients(machine_of_three):
    """As at the deadline."""
    machine = machine_of_three(round_buffer_size=3)
    land(machine, "a1")
    for client in ("a1", "a2"):
        fail(machine, client)

    [reduce] = fail(machine, "b1")[1:]

    assert [flight.client for flight in reduce.round.merged] == ["a1"]


def test_at_the_deadline_of_a_round_min_clients_are_enough(machine_of_three):
    """The slow fly on: each has a deadline of its own."""
    machine = machine_of_three(round_buffer_size=3)
    land(machine, "a1", NOW)
    deadline = machine.session.round.phase.deadline
    for flight in machine.session.flights.values():
        flight.phase.deadline += 5

    machine.handle(TimePassed(), deadline)

    assert machine.session.stage is Stage.REDUCING
    assert sum(flight.is_open for flight in machine.session.flights.values()) == 3


def test_what_lands_at_the_deadline_is_in_the_round_and_in_its_document(machine_of_three):
    """The round goes on in the same step."""
    machine = machine_of_three(round_buffer_size=3)
    flight = flight_of(machine, "b1")
    machine.handle(Answered(flight.phase.phase_id, "name of b1", 10.0), NOW)

    *_, reduce = machine.handle(closed(flight), machine.session.round.phase.deadline).actions

    assert reduce.round.merged == [flight]
    assert [each["client"] for each in reduce.round.answers] == ["name of b1"]
    assert reduce.round.phase.answers == 1


def test_at_the_deadline_too_few_are_an_attempt_that_failed_and_stay_in_the_buffer(
    machine_of_three,
):
    """What is in counts in the next attempt."""
    machine = machine_of_three(min_clients=2)
    land(machine, "a1")
    deadline = machine.session.round.phase.deadline
    for flight in machine.session.flights.values():
        flight.phase.deadline += 5

    machine.handle(TimePassed(), deadline)

    assert (machine.session.failures, machine.session.stage) == (1, Stage.TRAINING)
    assert machine.session.round.answers[0]["client"] == "name of a1"


def test_a_flight_that_nobody_hears_of_is_given_up_at_its_deadline(machine_of_three):
    """Its combiner was silent; the phase is released."""
    machine = machine_of_three()
    flight = flight_of(machine, "b1")
    flight.phase.deadline -= 1

    step = machine.handle(TimePassed(), flight.phase.deadline)

    assert step.actions == [ReleasePhase("b", flight.phase.phase_id)]
    assert machine.session.round.problems == ["the combiner b was silent"]
    assert machine.next_deadline() == NOW + 10.0 + limits.round_grace_seconds


def test_a_flight_whose_model_is_too_old_is_given_up(machine_of_three):
    """What it would bring would count for nothing; its client begins anew with the newest model."""
    machine = machine_of_three(staleness_max=1, round_buffer_size=1)
    slow = flight_of(machine, "b1")

    released = []
    for _ in range(2):
        land(machine, "a1")
        step = commit(machine)
        released.append(ReleasePhase("b", slow.phase.phase_id) in step.actions)

    assert released == [False, True]
    assert flight_of(machine, "b1").phase.model == machine.session.model


def test_updates_that_could_not_be_merged_are_let_go(machine_of_three):
    """The attempt is repeated with others: whatever was wrong with them would be wrong again."""
    machine = machine_of_three()
    land(machine, "a1")
    [reduce] = land(machine, "a2")

    step = machine.handle(ReduceRefused(reduce.round.model_id, "no partial"), NOW)

    released = {action.phase_id for action in step.actions if isinstance(action, ReleasePhase)}
    assert released == {flight.phase.phase_id for flight in reduce.round.merged}
    assert machine.session.round.answers == []
    assert sorted(started(step.actions)) == [["a2"]]


# Coming and going


def test_newcomers_are_sent_out_at_once(machine_of_three):
    """In the middle of a round."""
    machine = machine_of_three()

    step = machine.handle(NetworkChanged({"c": {"c1": ABLE}}), NOW)

    assert started(step.actions) == [["c1"]]


def test_a_round_waits_for_clients_that_went_away(machine_of_three):
    """Nobody has failed: until its deadline somebody may come back."""
    machine = machine_of_three(min_clients=1)
    machine.handle(NOBODY, NOW)
    land(machine, "a1")
    for client in ("a2", "b1"):
        flight = flight_of(machine, client)
        del machine.session.flights[flight.phase.phase_id]

    machine.handle(TimePassed(), NOW)

    assert machine.session.stage is Stage.TRAINING
    assert started(machine.handle(NETWORK, NOW).actions) == [["a1"], ["a2"], ["b1"]]


def test_any_combiner_may_merge(machine_of_three):
    """All partials lie in the blob store, also where they are all one combiner's."""
    machine = machine_of_three()
    land(machine, "a1")
    land(machine, "a2")

    step = machine.handle(NetworkChanged({"b": {"b1": ABLE}}), NOW)

    assert [action.combiner for action in step.actions] == ["b"]


def test_a_restart_gives_the_open_orders_again(machine_of_three):
    """In whatever stage: every open flight, and the merge."""
    machine = machine_of_three()
    land(machine, "a1")
    land(machine, "a2")
    again = restarted(machine)
    again.handle(NETWORK, NOW)

    step = again.handle(Began(), NOW + 500)

    orders = [(type(action), action.combiner) for action in step.actions]
    assert sorted(orders, key=str) == sorted(
        [(StartPhase, "a"), (StartPhase, "b"), (Reduce, step.actions[-1].combiner)], key=str
    )
    assert again.next_deadline() == NOW + 500 + limits.round_grace_seconds


def test_what_a_combiner_may_not_have_heard_is_told_again(machine_of_three):
    """Only its own open flights; an order that stands no more is not."""
    machine = machine_of_three()
    flight = flight_of(machine, "b1")
    start = StartPhase("b", flight.phase, machine.session.round.id)

    back = machine.handle(CombinerBack("b"), NOW).actions
    unheard = machine.handle(Unheard(start), NOW).actions
    land(machine, "b1")
    over = machine.handle(Unheard(start), NOW).actions

    assert (back, unheard, over) == ([start], [start], [])


def test_a_paused_session_finishes_its_round_and_sends_nobody_out_until_it_is_resumed(
    machine_of_three,
):
    """What lands meanwhile is kept."""
    machine = machine_of_three()
    land(machine, "a1")
    machine.handle(PauseAsked(), NOW)
    land(machine, "a2")
    committed = commit(machine)
    land(machine, "b1")

    step = machine.handle(ResumeAsked(), NOW)

    assert started(committed.actions) == []
    assert machine.session.round.answers[0]["client"] == "name of b1"
    assert sorted(started(step.actions)) == [["a2"], ["b1"]]


@pytest.mark.parametrize("validate", [False, True])
def test_after_the_last_round_nobody_trains(machine_of_three, validate):
    """Every flight is released; with more rounds all are sent out anew."""
    machine = machine_of_three(rounds=1, validate=validate)
    flying = set(machine.session.flights)
    land(machine, "a1")
    flying |= set(machine.session.flights)
    land(machine, "a2")

    step = commit(machine)

    released = {action.phase_id for action in step.actions if isinstance(action, ReleasePhase)}
    assert released == flying
    assert machine.session.flights == {}
    if validate:
        assert len(started(machine.handle(MoreRoundsAsked(1), NOW).actions)) == 3


def test_a_stopped_session_releases_what_flies_and_what_is_in(machine_of_three):
    """Nothing is left with a combiner."""
    machine = machine_of_three()
    land(machine, "a1")
    known = set(machine.session.flights)

    step = machine.handle(StopAsked("enough"), NOW)

    assert {action.phase_id for action in step.actions} == known
    assert (machine.session.flights, machine.session.status) == ({}, Status.TERMINATED)


def test_old_validations_are_given_up_where_a_slow_client_has_too_many(machine_of_three):
    """Rounds may be many times shorter than its training."""
    count = limits.open_validations_max + 3
    machine = machine_of_three(rounds=count + 1, round_buffer_size=1, validate=True)
    machine.session.staleness_max = count

    for _ in range(count):
        land(machine, "a1")
        commit(machine)

    numbers = [phase.number for phase in machine.session.validations.values()]
    assert numbers == list(range(4, count + 1))


# Laws for any order of events


class AnySchedule(RuleBasedStateMachine):
    """Clients land, fail and go, combiners repeat themselves, models are written, the controller is killed."""

    @initialize(
        rounds=st.integers(1, 4),
        buffer=st.sampled_from([-1, 2, 3]),
        min_clients=st.integers(1, 2),
        requested=st.integers(2, 4),
        staleness=st.integers(1, 3),
    )
    def begin(self, rounds, buffer, min_clients, requested, staleness):
        session = Session(
            session_id="s", document_id="d", rounds=rounds, min_clients=min_clients,
            requested_clients=requested, round_timeout=10.0, round_buffer_size=buffer,
            round_retries=2, validate=True, helper="numpyhelper", aggregator="fedbuff",
            aggregator_kwargs={}, model=BlobRef("seed", 1, "0" * 64), staleness_max=staleness,
        )  # fmt: skip
        self.machine, self.now = machine_of(session), NOW
        self.flights, self.landed, self.released = {}, set(), set()
        self.merging, self.merged = {}, Counter()
        self.tell(NETWORK)
        self.tell(Began())

    @property
    def session(self):
        return self.machine.session

    def tell(self, event):
        current = self.session.round
        is_commit = isinstance(event, Reduced) and current and event.model.id == current.model_id
        if is_commit and self.session.stage is Stage.REDUCING:
            self.merged.update(self.merging[event.model.id])
        for action in self.machine.handle(event, self.now).actions:
            self.note(action)

    def note(self, action):
        match action:
            case StartPhase(_, phase) if phase.kind == "TRAIN":
                self.flights[phase.phase_id] = action
                assert phase.phase_id not in self.released, "it is begun after its release"
            case Reduce(_, current):
                ids = [flight.phase.phase_id for flight in current.merged]
                assert self.merging.setdefault(current.model_id, ids) == ids
            case ReleasePhase(_, phase_id):
                self.released.add(phase_id)

    a_flight = st.integers(-5, -1)

    def flight_at(self, back):
        return list(self.flights.values())[max(back, -len(self.flights))]

    @precondition(lambda self: self.flights)
    @rule(back=a_flight, answers=st.sampled_from([1, 1, 1, 0]))
    def client_ends(self, back, answers):
        order = self.flight_at(back)
        phase_id = order.phase.phase_id
        is_known = phase_id in self.session.flights and self.session.flights[phase_id].is_open
        if answers:
            self.tell(Answered(phase_id, "somebody", 1.0))
        self.tell(PhaseClosed(order.combiner, phase_id, answers, 1.0 * answers))
        if is_known and answers:
            self.landed.add(phase_id)

    @rule()
    def model_is_written(self):
        if self.session.round and self.session.round.model_id in self.merging:
            self.tell(Reduced(BlobRef(self.session.round.model_id, 2, "1" * 64), 0.1))

    @rule()
    def merge_is_refused(self):
        if self.session.round:
            self.tell(ReduceRefused(self.session.round.model_id, "no"))

    @rule(network=st.sampled_from([NETWORK, NETWORK, NOBODY, NetworkChanged({"a": {"b1": ABLE}})]))
    def network_changes(self, network):
        self.tell(network)

    @rule(
        event=st.sampled_from([PauseAsked(), ResumeAsked(), CombinerBack("a"), CombinerBack("b")])
    )
    def something_is_told(self, event):
        self.tell(event)

    @rule(seconds=st.sampled_from([1.0, 16.0]))
    def time_passes(self, seconds):
        self.now += seconds
        self.tell(TimePassed())

    @rule()
    def controller_restarts(self):
        self.machine = restarted(self.machine)
        self.tell(Began())

    @invariant()
    def no_update_is_merged_twice(self):
        assert all(count == 1 for count in self.merged.values())
        in_two = Counter(phase_id for ids in self.merging.values() for phase_id in ids)
        assert all(count == 1 for count in in_two.values())

    @invariant()
    def no_update_is_lost(self):
        """Each that came in is in a model, in the buffer, being merged, or released unmerged."""
        current = self.session.round
        merging = [flight.phase.phase_id for flight in current.merged] if current else []
        kept = {*self.session.flights, *merging}
        assert self.landed <= kept | set(self.merged) | self.released
        assert not kept & self.released

    @invariant()
    def nobody_trains_twice_at_once_and_no_more_than_were_asked_for(self):
        flying = [flight.client for flight in self.session.flights.values() if flight.is_open]
        assert len(set(flying)) == len(flying) <= self.session.requested_clients

    @invariant()
    def the_buffer_is_bounded(self):
        bound = buffer_size(self.session) + self.session.requested_clients
        assert sum(not each.is_open for each in self.session.flights.values()) <= bound

    @invariant()
    def what_is_merged_is_not_too_old(self):
        current = self.session.round
        for flight in current.merged if current else []:
            assert 0 <= current.number - flight.phase.number <= self.session.staleness_max

    @invariant()
    def the_state_comes_back_from_its_document(self):
        assert restarted(self.machine).session == self.session

    @invariant()
    def something_is_always_awaited_but_in_a_pause(self):
        idle = self.session.status.is_final or self.session.status is Status.PAUSED
        assert idle or self.machine.next_deadline() is not None

    def teardown(self):
        """In the end nothing is left with a combiner."""
        if hasattr(self, "machine"):
            self.tell(StopAsked("enough"))
            assert set(self.flights) <= self.released


AnySchedule.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestAnySchedule = AnySchedule.TestCase
TestAnySchedule.__doc__ = "The invariants of AnySchedule hold whatever happens in whatever order."
