"""The session's machine: a table of stages and events, what each event brings, and laws for any order of them."""

import json
from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fednet import limits
from fednet.controller.sessions.events import (
    Answered,
    Began,
    Broke,
    ClosePhase,
    CombinerBack,
    NetworkChanged,
    PhaseBegun,
    PhaseClosed,
    PhaseRefused,
    Plan,
    Planned,
    PlanRefused,
    Reduce,
    Reduced,
    ReduceRefused,
    ReleasePhase,
    StartPhase,
    StopAsked,
    TimePassed,
    Unanswered,
    Unheard,
)
from fednet.controller.sessions.kinds import machine_of
from fednet.controller.sessions.machine import Machine
from fednet.controller.sessions.state import BlobRef, Functions, Session, Stage, Status
from fednet.server_functions import METHODS

ABLE = frozenset({"TRAIN", "VALIDATE"})
NOBODY = NetworkChanged({})
TWO_COMBINERS = NetworkChanged({"a": {"a1": ABLE, "a2": ABLE}, "b": {"b1": ABLE}})
ONE_COMBINER = NetworkChanged({"a": {"a1": ABLE, "a2": ABLE}})
NOW = 1000.0
WAITING, PLANNING, TRAINING, REDUCING, DRAINING, ENDED = Stage


@pytest.fixture
def machine_in(new_session):
    """Makes a machine that has come to a stage."""

    def make(stage=TRAINING, network=TWO_COMBINERS, **fields):
        if stage is PLANNING:
            fields.setdefault("functions", functions_with("client_selection"))
        machine = machine_of(new_session(**fields))
        for event in way_to(stage, network):
            machine.handle(event(machine) if callable(event) else event, NOW)
        assert machine.session.stage is stage
        return machine

    return make


def functions_with(*methods):
    return Functions("class F: ...", list(methods))


def way_to(stage, network):
    """The events that bring a new session of one round to a stage."""
    way = [Began()]
    if stage is not WAITING:
        way.append(network)
    if stage in {REDUCING, DRAINING, ENDED}:
        way += [lambda machine, name=name: closed(machine, name) for name in network.connected]
    if stage in {DRAINING, ENDED}:
        way.append(reduced)
    if stage is ENDED:
        way.append(StopAsked("enough"))
    return way


def closed(machine, combiner, answers=None, failure=""):
    """A combiner closes its share of the running round, by default with the answers of all its clients."""
    current = machine.session.round
    phase_id = current.phase.phase_id if current else "none"
    if answers is None:
        answers = len(current.phase.shares[combiner].clients) if current else 1
    return PhaseClosed(combiner, phase_id, answers, 10.0 * answers, failure)


def reduced(machine):
    """The model that the running round waits for lies in the blob store."""
    current = machine.session.round
    return Reduced(BlobRef(current.model_id if current else "none", 2, "1" * 64), 0.1)


def validation_of(machine):
    return next(iter(machine.session.validations.values()))


def ended_validation(machine, combiner):
    phases = machine.session.validations
    return PhaseClosed(combiner, next(iter(phases), "none"), 1, 1.0)


def actions_of(step, kind):
    return [action for action in step.actions if isinstance(action, kind)]


# The table


def all_closed(answers):
    return lambda machine: [closed(machine, name, answers) for name in ("a", "b")]


EVENTS = {
    "enough clients": lambda _: [TWO_COMBINERS],
    "too few clients": lambda _: [NOBODY],
    "combiner back": lambda _: [CombinerBack("a")],
    "tasks sent": lambda machine: [PhaseBegun("a", running(machine))],
    "answer": lambda machine: [Answered(running(machine), "a1", 5.0)],
    "no answer": lambda machine: [Unanswered(running(machine), "a1", "failed")],
    "planned": lambda machine: [Planned(running(machine), ["a1", "b1"], {})],
    "plan refused": lambda machine: [PlanRefused(running(machine), "a bug of theirs")],
    "all closed, enough answers": all_closed(1),
    "all closed, no answer": all_closed(0),
    "all refused": lambda machine: [
        PhaseRefused(name, running(machine), "no room") for name in ("a", "b")
    ],
    "reduced": lambda machine: [reduced(machine)],
    "reduce refused": lambda machine: [ReduceRefused(reduced(machine).model.id, "no partial")],
    "unheard": lambda _: [Unheard(ClosePhase("a", "none"))],
    "last validation in": lambda machine: [ended_validation(machine, name) for name in ("a", "b")],
    "deadline": lambda _: [TimePassed()],
    "stop asked": lambda _: [StopAsked("enough")],
    "broke": lambda _: [Broke("a bug")],
}

# For a last round, with an attempt left; who was connected still is.
TABLE = {
    #                              WAITING   PLANNING  TRAINING  REDUCING  DRAINING  ENDED
    "enough clients":             (TRAINING, PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "too few clients":            (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "combiner back":              (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "tasks sent":                 (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "answer":                     (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "no answer":                  (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "planned":                    (WAITING,  TRAINING, TRAINING, REDUCING, DRAINING, ENDED),
    "plan refused":               (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "all closed, enough answers": (WAITING,  PLANNING, REDUCING, REDUCING, DRAINING, ENDED),
    "all closed, no answer":      (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "all refused":                (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "reduced":                    (WAITING,  PLANNING, TRAINING, DRAINING, DRAINING, ENDED),
    "reduce refused":             (WAITING,  PLANNING, TRAINING, TRAINING, DRAINING, ENDED),
    "unheard":                    (WAITING,  PLANNING, TRAINING, REDUCING, DRAINING, ENDED),
    "last validation in":         (WAITING,  PLANNING, TRAINING, REDUCING, ENDED,    ENDED),
    "deadline":                   (WAITING,  PLANNING, TRAINING, TRAINING, ENDED,    ENDED),
    "stop asked":                 (ENDED,    ENDED,    ENDED,    ENDED,    ENDED,    ENDED),
    "broke":                      (ENDED,    ENDED,    ENDED,    ENDED,    ENDED,    ENDED),
}  # fmt: skip
AGAIN = {("all closed, no answer", TRAINING), ("all refused", TRAINING), ("deadline", TRAINING)}
AGAIN |= {("deadline", PLANNING), ("plan refused", PLANNING)}
AGAIN |= {("reduce refused", REDUCING), ("deadline", REDUCING), ("deadline", WAITING)}


def running(machine):
    current = machine.session.round
    return current.phase.phase_id if current else "none"


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("name", TABLE)
def test_each_event_in_each_stage_leads_where_the_table_says(machine_in, name, stage):
    """All cells of the table; a failed attempt is counted exactly in those named in AGAIN."""
    machine = machine_in(stage)
    later = NOW + 1000 if name == "deadline" else NOW

    for event in EVENTS[name](machine):
        machine.handle(event, later)

    assert machine.session.stage is TABLE[name][list(Stage).index(stage)]
    assert machine.session.failures == ((name, stage) in AGAIN)


def test_the_table_has_a_row_for_every_situation():
    """No row without an event, no event without a row."""
    assert TABLE.keys() == EVENTS.keys()


# What each event brings


def test_a_round_is_recorded_as_pending_and_every_share_is_started(machine_in):
    """One record, one StartPhase for each combiner."""
    machine = machine_in(WAITING)

    step = machine.handle(TWO_COMBINERS, NOW)

    assert [(record.collection, record.fields["status"]) for record in step.records] == [
        ("rounds", "Pending")
    ]
    assert [action.combiner for action in actions_of(step, StartPhase)] == ["a", "b"]


def test_a_session_that_begins_with_enough_clients_starts_each_share_once(new_session):
    """Who is connected is told before the beginning."""
    machine = Machine(new_session())
    machine.handle(TWO_COMBINERS, NOW)

    step = machine.handle(Began(), NOW)

    assert Counter(action.combiner for action in step.actions) == {"a": 1, "b": 1}


def test_a_client_seen_on_two_combiners_counts_once(new_session):
    """Until its old connection is known to be dead; so min_clients means clients."""
    machine = Machine(new_session(min_clients=2))
    machine.handle(Began(), NOW)

    machine.handle(NetworkChanged({"a": {"x": ABLE}, "b": {"x": ABLE}}), NOW)

    assert machine.session.stage is WAITING


def test_only_clients_that_can_do_it_are_asked(machine_in):
    """A client that only validates is in no training."""
    can_validate = frozenset({"VALIDATE"})
    machine = machine_in(network=NetworkChanged({"a": {"t": ABLE, "v": can_validate}}))

    assert machine.session.round.phase.shares["a"].clients == ["t"]


def test_the_buffer_size_closes_all_shares_once(machine_in):
    """Also when more answers come, and when one comes twice."""
    machine = machine_in(round_buffer_size=2)
    answers = [Answered(running(machine), name, 1.0) for name in ("a1", "a1", "b1", "a2")]

    asked = [[a.combiner for a in machine.handle(each, NOW).actions] for each in answers]

    assert asked == [[], [], ["a", "b"], []]


def test_a_close_that_a_combiner_may_not_have_heard_is_asked_again(machine_in):
    """When it is back: first the start, then the close."""
    machine = machine_in(round_buffer_size=1)
    machine.handle(Answered(running(machine), "a1", 1.0), NOW)

    step = machine.handle(CombinerBack("b"), NOW)

    assert [(type(a), a.combiner) for a in step.actions] == [(StartPhase, "b"), (ClosePhase, "b")]


def test_what_clients_say_of_themselves_does_not_replace_what_is_known(machine_in):
    """Details have no power over client and num_examples."""
    machine = machine_in()

    machine.handle(Answered(running(machine), "a1", 5.0, {"client": "b1", "num_examples": 9}), NOW)

    assert machine.session.round.answers == [{"client": "a1", "num_examples": 5.0}]


@pytest.mark.parametrize("late_by", [-0.001, 0.0, 0.001])
def test_the_last_close_before_at_and_after_the_deadline(machine_in, late_by):
    """Before it and at it the share counts; after it the combiner was silent."""
    machine = machine_in(min_clients=3, round_retries=0)
    deadline = machine.session.round.phase.deadline
    machine.handle(closed(machine, "a"), NOW)
    late = closed(machine, "b")

    if late_by > 0:
        machine.handle(TimePassed(), deadline)
    machine.handle(late, deadline + late_by)

    assert machine.session.stage is (REDUCING if late_by <= 0 else ENDED)


def test_a_silent_combiner_does_not_hold_up_the_others(machine_in):
    """At the deadline the round goes on with what is in."""
    machine = machine_in(min_clients=2)
    machine.handle(closed(machine, "a"), NOW)

    step = machine.handle(TimePassed(), machine.session.round.phase.deadline)

    assert machine.session.stage is REDUCING
    assert machine.session.round.phase.shares["b"].failure == "the combiner b was silent"
    assert [action.combiner for action in step.actions] == ["a"]


def test_a_combiner_that_refuses_does_not_hold_up_the_others(machine_in):
    """Its share counts as closed with nothing."""
    machine = machine_in(min_clients=2)

    machine.handle(PhaseRefused("b", running(machine), "b: no room"), NOW)
    machine.handle(closed(machine, "a"), NOW)

    assert machine.session.stage is REDUCING
    assert machine.session.round.phase.answers == 2


def test_answers_of_a_combiner_that_failed_in_the_end_do_not_count(machine_in):
    """Its partial is nowhere."""
    machine = machine_in(min_clients=3, round_retries=0)

    machine.handle(closed(machine, "a"), NOW)
    machine.handle(closed(machine, "b", failure="the disk is full"), NOW)

    assert machine.session.status is Status.FAILED
    assert "the disk is full" in machine.session.reason


def test_a_session_fails_after_its_retries_with_the_last_problem(machine_in):
    """The reason says which round, how often, and why the last time."""
    machine = machine_in(round_retries=2)

    for attempt in range(3):
        problem = Unanswered(running(machine), "a1", f"broken {attempt}")
        machine.handle(problem, NOW)
        for event in all_closed(0)(machine):
            step = machine.handle(event, NOW)

    assert machine.session.status is Status.FAILED
    assert machine.session.reason == (
        "Round 1 failed 3 times; the last time 0 of at least 1 clients answered (a1: broken 2)."
    )
    assert step.records[-1].fields["status"] == "Failed"


def test_problems_are_bounded_and_each_is_told_once(machine_in):
    """The newest are kept."""
    machine = machine_in()
    many = [f"c{number}" for number in range(2 * limits.round_problems_max)]

    for client in [*many, many[-1]]:
        machine.handle(Unanswered(running(machine), client, "no"), NOW)

    assert machine.session.round.problems == [
        f"{client}: no" for client in many[-limits.round_problems_max :]
    ]


def test_a_new_attempt_takes_back_what_the_last_one_recorded(machine_in):
    """The document of a round that runs again has no end."""
    machine = machine_in()
    machine.handle(closed(machine, "a", 0), NOW)

    failed, pending = machine.handle(closed(machine, "b", 0), NOW).records

    assert (failed.id, failed.fields["ended_at"] is None) == (pending.id, False)
    assert (pending.fields["ended_at"], pending.fields["attempt"]) == (None, 1)


def test_waiting_for_clients_in_vain_counts_as_failed_attempts(machine_in):
    """A session does not wait for ever."""
    machine = machine_in(WAITING, min_clients=2)

    while (deadline := machine.next_deadline()) is not None:
        machine.handle(TimePassed(), deadline)

    assert machine.session.reason == (
        "Round 1 failed 2 times; the last time 0 of at least 2 clients were connected."
    )


def test_the_combiner_that_holds_most_is_asked_to_merge(machine_in):
    """It has the least to fetch."""
    machine = machine_in()
    machine.handle(closed(machine, "b"), NOW)

    step = machine.handle(closed(machine, "a"), NOW)

    assert [(type(a), a.combiner) for a in step.actions] == [(Reduce, "a")]


def test_when_the_merging_combiner_goes_down_another_is_asked(machine_in):
    """Partials of several combiners lie in the blob store."""
    machine = machine_in(REDUCING)

    step = machine.handle(NetworkChanged({"b": {}, "c": {}}), NOW)

    assert [action.combiner for action in step.actions] == ["b"]


def test_a_combiner_that_holds_all_is_waited_for(machine_in):
    """Its partial is nowhere else; once it is back it is asked again."""
    machine = machine_in(REDUCING, network=ONE_COMBINER)

    while_away = machine.handle(NetworkChanged({"c": {}}), NOW)
    when_back = machine.handle(NetworkChanged({"a": {}, "c": {}}), NOW)

    assert while_away.actions == []
    assert [action.combiner for action in when_back.actions] == ["a"]


def test_clients_that_come_and_go_do_not_repeat_a_merge(machine_in):
    """Only the merging combiner's going does."""
    machine = machine_in(REDUCING)

    assert machine.handle(NetworkChanged({"a": {}, "b": {"new": ABLE}}), NOW).actions == []


def test_an_unheard_merge_is_asked_of_another(machine_in):
    """One that is connected and still does not answer may not be able to."""
    machine = machine_in(REDUCING)

    step = machine.handle(Unheard(Reduce("a", machine.session.round)), NOW)
    stale = machine.handle(Unheard(Reduce("a", machine.session.round)), NOW)

    assert [action.combiner for action in step.actions] == ["b"]
    assert stale.actions == []


def test_an_unheard_start_is_given_again_while_it_stands(machine_in):
    """Not once its combiner is away, and not once its share is closed."""
    machine = machine_in()
    start = StartPhase("a", machine.session.round.phase, machine.session.round.id)

    again = machine.handle(Unheard(start), NOW).actions
    machine.handle(NetworkChanged({"b": {}}), NOW)
    away = machine.handle(Unheard(start), NOW).actions
    machine.handle(TWO_COMBINERS, NOW)
    machine.handle(closed(machine, "a"), NOW)
    over = machine.handle(Unheard(start), NOW).actions

    assert (again, away, over) == ([start], [], [])


def test_a_commit_writes_model_round_and_active_model_and_lets_go(machine_in):
    """All in one step; then the validation of the new model is asked."""
    machine = machine_in(REDUCING)
    model = reduced(machine)

    step = machine.handle(model, NOW)

    assert [record.collection for record in step.records] == ["models", "rounds", "network"]
    assert step.records[0].fields["parent_model"] == "seed-model"
    assert [action.combiner for action in actions_of(step, ReleasePhase)] == ["a", "b"]
    assert {a.phase.model.id for a in actions_of(step, StartPhase)} == {model.model.id}


def test_a_round_is_planned_when_the_last_combiner_has_sent_its_tasks(machine_in):
    """What follows is training, until the last has closed; each time is told once, what comes late is nothing."""
    machine = machine_in()
    phase_id = running(machine)
    for combiner, seconds in (("a", 1), ("a", 2), ("b", 3), ("b", 4)):
        machine.handle(PhaseBegun(combiner, phase_id), NOW + seconds)
    for combiner in ("a", "b"):
        machine.handle(closed(machine, combiner), NOW + 8)
    machine.handle(PhaseBegun("b", phase_id), NOW + 9)

    step = machine.handle(reduced(machine), NOW + 10)

    [seconds] = [each.fields["seconds"] for each in step.records if each.collection == "rounds"]
    assert seconds == {"round": 10, "plan": 3, "train": 5, "reduce": 0.1}


def test_a_seed_draws_the_same_in_any_session_and_differs_from_round_to_round(machine_in):
    """The ids of the sessions have no part in it."""
    many = NetworkChanged({"a": {f"c{number}": ABLE for number in range(1000)}})

    def drawn(**fields):
        machine = machine_in(network=many, rounds=2, **fields)
        first = machine.session.round.phase.shares["a"].clients
        machine.handle(closed(machine, "a"), NOW)
        machine.handle(reduced(machine), NOW)
        return first, machine.session.round.phase.shares["a"].clients

    one, same, other = (drawn(document_id=x, seed=s) for x, s in ("17", "27", "38"))

    assert one == same != other
    assert one[0] != one[1]


def test_without_validation_a_session_ends_with_its_last_model(machine_in):
    """Nothing is left to wait for."""
    machine = machine_in(REDUCING, validate=False)

    machine.handle(reduced(machine), NOW)

    assert (machine.session.status, machine.session.stage) == (Status.FINISHED, ENDED)


def test_the_next_round_trains_while_the_last_model_is_validated(machine_in):
    """Both phases are open."""
    machine = machine_in(REDUCING, rounds=2)

    machine.handle(reduced(machine), NOW)

    assert machine.session.stage is TRAINING
    assert len(machine.session.phases()) == 2


def test_after_a_restart_no_deadline_falls_before_combiners_could_speak(machine_in):
    """The controller was away past the deadline; the updates lie with the combiners."""
    machine = machine_in()
    much_later = NOW + 5000

    again = restarted(machine)
    step = again.handle(Began(), much_later)

    assert again.session.stage is TRAINING
    assert again.next_deadline() == much_later + limits.round_grace_seconds
    assert [action.combiner for action in step.actions] == ["a", "b"]


def test_two_sessions_with_one_id_in_two_networks_make_different_models(machine_in):
    """A blob store that outlived its documents must not answer with a model of then."""
    one, other = machine_in(document_id="one"), machine_in(document_id="other")

    assert one.session.round.model_id != other.session.round.model_id


def restarted(machine):
    """What the next controller has: the document, and nothing else."""
    return machine_of(Session.from_dict(json.loads(json.dumps(machine.session.to_dict()))))


# A restart changes nothing


@dataclass
class World:
    """Combiners that do what they are asked, a network that repeats, and a controller that may be killed."""

    session: Session
    killed_at: set[int] = field(default_factory=set)
    started: set[tuple[str, str]] = field(default_factory=set)
    inbox: deque = field(default_factory=deque)
    trained: Counter = field(default_factory=Counter)
    now: float = NOW

    def run(self):
        """Let the session run to its end; its final state."""
        self.machine = Machine(self.session)
        self.inbox += [TWO_COMBINERS, Began()]
        for number in range(500):
            if self.machine.session.status.is_final:
                return self.machine.session
            event = self.inbox.popleft() if self.inbox else self.later()
            step = self.machine.handle(event, self.now)
            if number in self.killed_at:
                self.restart()  # stored, and nobody was told
            else:
                for action in step.actions:
                    self.obey(action)
        raise AssertionError("the session is stuck")

    def later(self):
        self.now = self.machine.next_deadline()
        return TimePassed()

    def restart(self):
        self.machine = restarted(self.machine)
        self.inbox.extendleft([CombinerBack("b"), CombinerBack("a"), TWO_COMBINERS, Began()])

    def obey(self, action):
        match action:
            case StartPhase(combiner, phase) if (combiner, phase.phase_id) not in self.started:
                self.started.add((combiner, phase.phase_id))
                clients = phase.shares[combiner].clients
                self.trained.update((phase.phase_id, client) for client in clients)
                self.inbox += [Answered(phase.phase_id, client, 1.0) for client in clients]
                self.inbox.append(PhaseClosed(combiner, phase.phase_id, len(clients), 1.0))
            case Reduce(_, current):
                self.inbox.append(Reduced(BlobRef(current.model_id, 2, "1" * 64), 0.1))


@settings(max_examples=100)
@given(
    killed_at=st.sets(st.integers(0, 60), max_size=6),
    rounds=st.integers(1, 3),
    validate=st.booleans(),
    buffer=st.sampled_from([-1, 1, 2]),
)
def test_a_controller_killed_at_any_step_comes_to_the_same_end(killed_at, rounds, validate, buffer):
    """The same models, the same clients asked, and nobody asked twice."""
    options = {"rounds": rounds, "validate": validate, "round_buffer_size": buffer}
    calm, killed = World(session_of(**options)), World(session_of(**options), killed_at)

    assert killed.run() == calm.run()
    assert killed.trained == calm.trained
    assert set(killed.trained.values()) == {1}


def session_of(**fields):
    figures = {
        "session_id": "s", "document_id": "d", "rounds": 2, "min_clients": 1,
        "requested_clients": 8, "round_timeout": 10.0, "round_buffer_size": -1, "round_retries": 1,
        "validate": True, "helper": "numpyhelper", "aggregator": "fedavg", "aggregator_kwargs": {},
        "model": BlobRef("seed", 1, "0" * 64),
    }  # fmt: skip
    return Session(**{**figures, **fields})


# Laws for any order of events


class AnyOrder(RuleBasedStateMachine):
    """Events in any order, repeated, late, of phases long gone, with restarts between them."""

    @initialize(
        rounds=st.integers(1, 3),
        min_clients=st.integers(1, 3),
        requested=st.integers(3, 4),
        buffer=st.sampled_from([-1, 3]),
        retries=st.integers(0, 2),
        validate=st.booleans(),
        staleness=st.sampled_from([0, 1, 9]),
        functions=st.lists(st.sampled_from(METHODS), unique=True),
        end=st.sampled_from([TimePassed(), StopAsked("enough"), Broke("a bug")]),
    )
    def begin(
        self, rounds, min_clients, requested, buffer, retries, validate, staleness, functions, end
    ):
        self.end = end
        self.machine = machine_of(
            session_of(
                rounds=rounds, min_clients=min_clients, requested_clients=requested,
                round_buffer_size=buffer, round_retries=retries, validate=validate,
                staleness_max=0 if functions else staleness,
                functions=functions_with(*functions) if functions else None,
            )
        )  # fmt: skip
        self.now = NOW
        self.started, self.released, self.orders = set(), set(), []
        self.closes = Counter()
        self.phases, self.models = ["unknown"], ["unknown"]
        self.allowing = set()
        self.tell(Began())

    @property
    def session(self):
        return self.machine.session

    def tell(self, event, *, again=False):
        before, awaited = self.session.number, self.session.round
        was_final = self.session.status.is_final
        step = self.machine.handle(event, self.now)
        assert not (was_final and (step.records or step.actions)), "it acts after its end"
        is_commit = isinstance(event, Reduced) and awaited and event.model.id == awaited.model_id
        assert self.session.number - before in ({0, 1} if is_commit else {0})
        for action in step.actions:
            self.note(action, again=again)
        if self.session.round:
            self.models.append(self.session.round.model_id)

    def note(self, action, *, again):
        self.orders.append(action)
        match action:
            case StartPhase(combiner, phase):
                self.started.add((combiner, phase.phase_id))
                self.phases.append(phase.phase_id)
                asked = [client for share in phase.shares.values() for client in share.clients]
                assert len(set(asked)) == len(asked)
                functions = self.session.functions
                if not (functions and functions.selects and phase.kind == "TRAIN"):
                    assert len(asked) <= self.session.requested_clients
            case Plan(combiner, current):
                self.phases.append(current.phase.phase_id)
                assert combiner in self.allowing
            case Reduce(combiner, current):
                functions = self.session.functions
                assert combiner in self.allowing or not (functions and functions.aggregates)
                assert combiner in current.phase.shares or self.session.is_shared(current.phase)
            case ReleasePhase(combiner, phase_id):
                self.released.add((combiner, phase_id))
            case ClosePhase(combiner, phase_id) if not again:
                self.closes[combiner, phase_id] += 1

    some_phase = st.integers(-3, -1)  # the last few that were started, or one that is unknown
    some_combiner = st.sampled_from("abc")
    some_client = st.sampled_from([f"{combiner}{number}" for combiner in "abc" for number in "12"])

    def phase_at(self, back):
        return self.phases[max(back, -len(self.phases))]

    @rule(
        combiners=st.sets(some_combiner),
        clients=st.sets(some_client),
        allowing=st.frozensets(some_combiner),
    )
    def network_changes(self, combiners, clients, allowing):
        connected = {
            name: {client: ABLE for client in clients if client[0] == name} for name in combiners
        }
        self.allowing = allowing & combiners
        self.tell(NetworkChanged(connected, allowing))

    @rule(combiner=some_combiner)
    def combiner_is_back(self, combiner):
        self.tell(CombinerBack(combiner), again=True)

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def order_was_not_heard(self, data):
        self.tell(Unheard(data.draw(st.sampled_from(self.orders[-5:]))), again=True)

    @rule(back=some_phase, clients=st.sets(some_client), remembers=st.booleans())
    def functions_have_planned(self, back, clients, remembers):
        phase_id = self.phase_at(back)
        state = BlobRef(f"planned-{phase_id}", 3, "3" * 64) if remembers else None
        self.tell(Planned(phase_id, sorted(clients), {"x": 1}, state))

    @rule(back=some_phase)
    def plan_is_refused(self, back):
        self.tell(PlanRefused(self.phase_at(back), "no"))

    @rule(back=some_phase, client=some_client)
    def client_answers(self, back, client):
        self.tell(Answered(self.phase_at(back), client, 1.0))

    @rule(back=some_phase, client=some_client)
    def client_does_not_answer(self, back, client):
        self.tell(Unanswered(self.phase_at(back), client, "no"))

    @rule(back=some_phase, combiner=some_combiner, answers=st.integers(0, 2), fails=st.booleans())
    def share_closes(self, back, combiner, answers, fails):
        failure = "no" if fails else ""
        self.tell(PhaseClosed(combiner, self.phase_at(back), answers, 1.0 * answers, failure))

    @rule(back=some_phase, combiner=some_combiner)
    def share_is_refused(self, back, combiner):
        self.tell(PhaseRefused(combiner, self.phase_at(back), "no room"))

    @rule(back=st.integers(-3, -1))
    def model_is_written(self, back):
        model_id = self.models[max(back, -len(self.models))]
        state = BlobRef(model_id, 3, "4" * 64)
        self.tell(Reduced(BlobRef(model_id, 2, "1" * 64), 0.1, state))

    @rule(back=st.integers(-3, -1))
    def merge_is_refused(self, back):
        self.tell(ReduceRefused(self.models[max(back, -len(self.models))], "no"))

    @rule(seconds=st.sampled_from([0.0, 1.0, 9.0, 15.0]))
    def time_passes(self, seconds):
        self.now += seconds
        self.tell(TimePassed())

    @rule()
    def controller_restarts(self):
        self.machine = restarted(self.machine)
        self.tell(Began(), again=True)

    @invariant()
    def every_round_that_merges_has_enough_answers(self):
        current = self.session.round
        if self.session.stage is REDUCING:
            assert current.phase.answers >= self.session.min_clients
            assert current.phase.is_closed

    @invariant()
    def the_buffer_size_closes_once(self):
        assert all(count == 1 for count in self.closes.values())

    @invariant()
    def no_state_that_is_still_needed_is_deleted(self):
        functions, current = self.session.functions, self.session.round
        if functions:
            needed = [functions.state, current.functions_state if current else None]
            assert {ref.id for ref in needed if ref}.isdisjoint(functions.obsolete)

    @invariant()
    def the_state_comes_back_from_its_document(self):
        assert restarted(self.machine).session == self.session

    @invariant()
    def something_is_always_awaited(self):
        awaited = self.machine.next_deadline() is not None
        assert awaited is not self.session.status.is_final

    def teardown(self):
        """Time alone ends every session, if nobody does; with a reason, and nothing is left with a combiner."""
        if not hasattr(self, "machine"):
            return
        self.tell(self.end)
        for _ in range(100):
            if self.session.status.is_final:
                break
            self.now = max(self.now, self.machine.next_deadline())
            self.tell(TimePassed())
        assert self.session.status.is_final
        assert self.session.reason
        assert self.started <= self.released


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.__doc__ = "The invariants of AnyOrder hold whatever happens in whatever order."
