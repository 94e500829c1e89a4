"""The phase machine: its table, and what holds whatever order events come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.combiner.round import (
    Cancel,
    Check,
    CloseAsked,
    Failed,
    Finish,
    Folded,
    Joined,
    Left,
    Phase,
    PhaseState,
    Receipt,
    Refused,
    Released,
    Report,
    ResultArrived,
    Send,
    TaskState,
    TimePassed,
    Why,
    task_id_of,
)

DEADLINE = 100.0
TASK = task_id_of("phase", "a")
OTHER = task_id_of("phase", "b")


def phase_of(*clients):
    return Phase("phase", clients, DEADLINE)


def names_of(instructions):
    return [type(each).__name__ for each in instructions]


# The table: where one of two tasks stands, what happens to it, where it stands then, what is to be done.

ARRIVALS = {
    "open": [Joined("a")],
    "checking": [Joined("a"), ResultArrived(TASK)],
    "answered": [Joined("a"), ResultArrived(TASK), Folded(TASK, 5.0)],
    "unanswered": [Joined("a"), Failed(TASK, "boom")],
}
TABLE = [
    ("open", Joined("a"), "open", ["Send"]),
    ("open", Left("a"), "open", []),
    ("open", ResultArrived(TASK), "checking", ["Check"]),
    ("open", Failed(TASK, "boom"), "unanswered", ["Report", "Receipt"]),
    ("open", Folded(TASK), "open", []),
    ("open", Refused(TASK, "bad"), "open", []),
    ("open", CloseAsked(), "unanswered", ["Report", "Cancel", "Report", "Finish"]),
    ("open", Released(), "unanswered", ["Cancel"]),
    ("open", TimePassed(), "open", []),
    ("checking", Joined("a"), "checking", []),
    ("checking", Left("a"), "checking", []),
    ("checking", ResultArrived(TASK), "checking", []),
    ("checking", Failed(TASK, "boom"), "checking", []),
    ("checking", Folded(TASK, 5.0), "answered", ["Receipt"]),
    ("checking", Refused(TASK, "bad"), "unanswered", ["Report", "Receipt"]),
    ("checking", CloseAsked(), "checking", ["Report"]),
    ("checking", Released(), "unanswered", ["Receipt"]),
    ("checking", TimePassed(), "checking", []),
    ("answered", Joined("a"), "answered", []),
    ("answered", Left("a"), "answered", []),
    ("answered", ResultArrived(TASK), "answered", ["Receipt"]),
    ("answered", Failed(TASK, "boom"), "answered", ["Receipt"]),
    ("answered", Folded(TASK, 5.0), "answered", []),
    ("answered", Refused(TASK, "bad"), "answered", []),
    ("answered", CloseAsked(), "answered", ["Report", "Finish"]),
    ("answered", Released(), "answered", []),
    ("answered", TimePassed(), "answered", []),
    ("unanswered", Joined("a"), "unanswered", []),
    ("unanswered", Left("a"), "unanswered", []),
    ("unanswered", ResultArrived(TASK), "unanswered", ["Receipt"]),
    ("unanswered", Failed(TASK, "boom"), "unanswered", ["Receipt"]),
    ("unanswered", Folded(TASK, 5.0), "unanswered", []),
    ("unanswered", Refused(TASK, "bad"), "unanswered", []),
    ("unanswered", CloseAsked(), "unanswered", ["Report", "Finish"]),
    ("unanswered", Released(), "unanswered", []),
    ("unanswered", TimePassed(), "unanswered", []),
]


@pytest.mark.parametrize(("before", "event", "after", "instructions"), TABLE)
def test_walks_the_table(before, event, after, instructions):
    """Of two clients `a` is here and `b` is not; each event in each state of a's task does what the table says."""
    phase = phase_of("a", "b")
    for earlier in ARRIVALS[before]:
        phase.handle(earlier, 0.0)
    assert phase.task_state(TASK) == before

    done = phase.handle(event, 1.0)

    assert phase.task_state(TASK) == after
    assert names_of(done) == instructions


def test_the_table_has_a_row_for_each_state_and_event():
    """No state and no event is left out."""
    rows = {(before, type(event)) for before, event, _, _ in TABLE}
    kinds = {type(event) for _, event, _, _ in TABLE}

    assert rows == {(state, kind) for state in TaskState for kind in kinds}
    assert len(kinds) == 9


@pytest.mark.parametrize(
    ("now", "state", "finish"),
    [
        (DEADLINE - 1, TaskState.CHECKING, []),
        (DEADLINE, TaskState.UNANSWERED, [Finish(0, 0.0)]),
        (DEADLINE + 1, TaskState.UNANSWERED, [Finish(0, 0.0)]),
    ],
)
def test_an_answer_counts_before_the_deadline_only(now, state, finish):
    """The last update before, at and after the deadline: from the deadline on it is late."""
    phase = phase_of("a")
    phase.handle(Joined("a"), 0.0)
    assert phase.waits_for(TASK, now) == (now < DEADLINE)

    done = phase.handle(ResultArrived(TASK), now)

    assert phase.task_state(TASK) is state
    assert [each for each in done if isinstance(each, Finish)] == finish


def test_what_is_being_checked_at_the_deadline_still_counts():
    """An answer that came in time is waited for, and is in the number of the end."""
    phase = phase_of("a", "b")
    phase.handle(ResultArrived(TASK), 0.0)

    assert names_of(phase.handle(TimePassed(), DEADLINE)) == ["Report"]
    assert phase.state is PhaseState.CLOSING

    assert phase.handle(Folded(TASK, 5.0), DEADLINE + 9)[-1] == Finish(1, 5.0)
    assert phase.state is PhaseState.CLOSED


def test_who_is_not_here_at_the_close_is_gone_and_who_is_here_is_late():
    """The reason tells the two apart; only who is here is told to stop."""
    phase = phase_of("a", "b")
    phase.handle(Joined("a"), 0.0)

    done = phase.handle(CloseAsked(), 1.0)

    assert {each.client: each.why for each in done if isinstance(each, Report)} == {
        "a": Why.LATE,
        "b": Why.GONE,
    }
    assert [each for each in done if isinstance(each, Cancel)] == [Cancel("a", TASK)]


def test_a_client_that_comes_back_gets_its_task_again():
    """A lost answer costs nothing but time."""
    phase = phase_of("a")

    assert phase.handle(Joined("a"), 0.0) == [Send("a", TASK)]
    assert phase.handle(Left("a"), 1.0) == []
    assert phase.handle(Joined("a"), 2.0) == [Send("a", TASK)]


def test_the_reason_of_a_refusal_is_said_again():
    """Who did not get the first receipt gets the same words."""
    phase = phase_of("a")
    phase.handle(ResultArrived(TASK), 0.0)

    first = phase.handle(Refused(TASK, "wrong shape"), 1.0)
    again = phase.handle(ResultArrived(TASK), 2.0)

    assert Report("a", TASK, Why.REFUSED, "wrong shape") in first
    assert again == [Receipt("a", TASK, accepted=False, reason="wrong shape")]


def test_strangers_are_nothing_to_a_phase():
    """A client that does not take part neither gets a task nor is remembered."""
    phase = phase_of("a")

    assert phase.handle(Joined("stranger"), 0.0) == []
    assert phase.client_of("no-such-task") is None
    assert phase.task_state("no-such-task") is None


def test_a_phase_without_clients_finishes_at_once():
    """Nobody is waited for."""
    assert phase_of().handle(TimePassed(), 0.0) == [Finish(0, 0.0)]


def test_a_released_phase_never_finishes():
    """What was being checked is receipted as of no use, and what comes of it later is ignored."""
    phase = phase_of("a", "b")
    phase.handle(Joined("b"), 0.0)
    phase.handle(ResultArrived(TASK), 0.0)

    done = phase.handle(Released(), 1.0)

    assert done == [
        Receipt("a", TASK, accepted=False, reason="The round is over."),
        Cancel("b", OTHER),
    ]
    assert phase.handle(Folded(TASK, 5.0), 2.0) == []
    assert phase.handle(TimePassed(), DEADLINE) == []
    assert phase.answers == 0


# Laws

CLIENTS = ("a", "b", "c")
clients = st.sampled_from(CLIENTS)
tasks = clients.map(lambda client: task_id_of("phase", client))
outside_events = st.one_of(
    clients.map(Joined),
    clients.map(Left),
    tasks.map(ResultArrived),
    tasks.map(lambda task: Failed(task, "boom")),
    st.just(CloseAsked()),
    st.just(TimePassed()),
)
# What is being checked may come back good or bad, at any later moment.
steps = st.lists(st.tuples(st.one_of(outside_events, st.booleans()), st.floats(0, 20)), max_size=60)


class Story:
    """Runs a phase as a runner would: every Check is answered once, after a while."""

    def __init__(self):
        self.phase = phase_of(*CLIENTS)
        self.now = 0.0
        self.checks = []
        self.arrived = []
        self.done = []

    def feed(self, event):
        was_closed = self.phase.state is PhaseState.CLOSED
        instructions = self.phase.handle(event, self.now)
        if isinstance(event, ResultArrived):
            self.arrived.append(event.task)
        self.checks += [each.task for each in instructions if isinstance(each, Check)]
        if was_closed:
            assert set(names_of(instructions)) <= {"Receipt"}
        self.done += instructions

    def check_one(self, good):
        if self.checks:
            task = self.checks.pop(0)
            self.feed(Folded(task, 2.0) if good else Refused(task, "bad"))

    def run(self, steps):
        for event, seconds in steps:
            self.now += seconds
            if isinstance(event, bool):
                self.check_one(event)
            else:
                self.feed(event)

    def end(self):
        while self.checks:
            self.check_one(good=True)
        self.now = max(self.now, DEADLINE)
        self.feed(TimePassed())
        while self.checks:
            self.check_one(good=True)

    def all_of(self, kind):
        return [each for each in self.done if isinstance(each, kind)]


def accepted(story):
    return {each.task for each in story.all_of(Receipt) if each.accepted}


@given(steps)
def test_every_phase_finishes_exactly_once_with_what_was_folded(steps):
    """If time goes on and every check gets its answer, there is one end, and its number is that of distinct answers."""
    story = Story()
    story.run(steps)
    story.end()

    [finish] = story.all_of(Finish)
    assert finish == Finish(len(accepted(story)), 2.0 * len(accepted(story)))


@given(steps)
def test_each_answer_is_checked_once_and_receipted(steps):
    """However often it comes, it is checked at most once; who sent one is told what became of it."""
    story = Story()
    story.run(steps)
    story.end()

    checked = [each.task for each in story.all_of(Check)]
    assert len(checked) == len(set(checked))
    assert {each.task for each in story.all_of(Receipt)} >= set(story.arrived)


@given(steps)
def test_no_task_both_counts_and_is_reported_unanswered(steps):
    """Each task has one end: an accepted receipt, or one report."""
    story = Story()
    story.run(steps)
    story.end()

    reported = [each.task for each in story.all_of(Report)]
    assert len(reported) == len(set(reported))
    assert accepted(story).isdisjoint(reported)
    assert accepted(story) | set(reported) == {task_id_of("phase", client) for client in CLIENTS}


@given(steps)
def test_nothing_changes_after_the_end(steps):
    """The same events once more only repeat receipts."""
    story = Story()
    story.run(steps)
    story.end()
    states = {
        task: story.phase.task_state(task) for task in map(task_id_of, ["phase"] * 3, CLIENTS)
    }
    ended = story.phase.answers, story.phase.weight
    told = len(story.done)

    for event, _ in steps:
        if not isinstance(event, bool):
            story.feed(event)
    for task in states:
        story.feed(Folded(task, 7.0))
        story.feed(Refused(task, "bad"))

    assert set(names_of(story.done[told:])) <= {"Receipt"}
    assert (story.phase.answers, story.phase.weight) == ended
    assert {task: story.phase.task_state(task) for task in states} == states


@given(steps, st.integers(0, 60))
def test_a_release_at_any_moment_is_the_last_word(steps, moment):
    """Whatever comes after it, there is no second end and nothing but receipts."""
    story = Story()
    story.run(steps[:moment])
    story.feed(Released())
    finishes = len(story.all_of(Finish))

    story.run(steps[moment:])
    story.end()

    assert len(story.all_of(Finish)) == finishes <= 1
    assert not story.checks
