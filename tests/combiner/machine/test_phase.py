"""The phase machine: its table, and laws that hold in every order of events."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.combiner.machine.answers import Answer, Failure, Validation, Why
from fednet.combiner.machine.assignment import task_id_of
from fednet.combiner.machine.events import (
    Answered,
    Cancel,
    Check,
    CloseAsked,
    Counted,
    Damaged,
    Event,
    Finish,
    Finished,
    Joined,
    Left,
    Receipt,
    Refused,
    Released,
    Send,
    StartedAgain,
    Tell,
    TimePassed,
    Withdrew,
)
from fednet.combiner.machine.news import PhaseClosed, TaskSent, TaskUnanswered
from fednet.combiner.machine.phase import PhaseMachine, PhaseState
from fednet.combiner.machine.tasks import TaskState
from fednet.combiner.machine.values import JsonObject, Verdict

DEADLINE = 100.0
TASK = task_id_of("phase", "a")
OTHER = task_id_of("phase", "b")


def phase_of(*clients, **more):
    return PhaseMachine("phase", clients, DEADLINE, **more)


def answered(client):
    return Answered(Answer(task_id_of("phase", client), Validation(JsonObject("{}"))))


def failed(client):
    return Answered(Answer(task_id_of("phase", client), Failure("boom")))


def names_of(instructions):
    return [type(each).__name__ for each in instructions]


def closed_in(instructions):
    told = [each.happening for each in instructions if isinstance(each, Tell)]
    return [each for each in told if isinstance(each, PhaseClosed)]


def next_attempt(*clients, **more):
    return StartedAgain(clients, 1, 2 * DEADLINE, **more)


# The table: the state of one of two tasks, an event, the next state, the instructions.

ARRIVALS = {
    "open": [Joined("a")],
    "checking": [Joined("a"), answered("a")],
    "answered": [Joined("a"), answered("a"), Counted(TASK, 5.0)],
    "unanswered": [Joined("a"), failed("a")],
    "withdrawn": [Joined("a"), Withdrew(("a",))],
}
TABLE = [
    ("open", Joined("a"), "open", ["Send"]),
    ("open", Left("a"), "open", []),
    ("open", answered("a"), "checking", ["Check"]),
    ("open", failed("a"), "unanswered", ["Tell", "Receipt"]),
    ("open", Counted(TASK), "open", []),
    ("open", Refused(TASK, "bad"), "open", []),
    ("open", Damaged(TASK), "open", []),
    ("open", next_attempt("a"), "open", []),
    ("open", Withdrew(("a",)), "withdrawn", []),
    ("open", CloseAsked(), "unanswered", ["Tell", "Cancel", "Tell", "Finish"]),
    ("open", Finished(), "open", []),
    ("open", Released(), "unanswered", ["Cancel"]),
    ("open", TimePassed(), "open", []),
    ("checking", Joined("a"), "checking", []),
    ("checking", Left("a"), "checking", []),
    ("checking", answered("a"), "checking", []),
    ("checking", failed("a"), "checking", []),
    ("checking", Counted(TASK, 5.0, TaskSent()), "answered", ["Tell", "Receipt"]),
    ("checking", Refused(TASK, "bad"), "unanswered", ["Tell", "Receipt"]),
    ("checking", Damaged(TASK), "open", ["Tell", "Send"]),
    ("checking", next_attempt("a"), "checking", []),
    ("checking", Withdrew(("a",)), "checking", []),
    ("checking", CloseAsked(), "checking", ["Tell"]),
    ("checking", Finished(), "checking", []),
    ("checking", Released(), "unanswered", ["Receipt"]),
    ("checking", TimePassed(), "checking", []),
    ("answered", Joined("a"), "answered", []),
    ("answered", Left("a"), "answered", []),
    ("answered", answered("a"), "answered", ["Receipt"]),
    ("answered", failed("a"), "answered", ["Receipt"]),
    ("answered", Counted(TASK, 5.0), "answered", []),
    ("answered", Refused(TASK, "bad"), "answered", []),
    ("answered", Damaged(TASK), "answered", []),
    ("answered", next_attempt("a"), "answered", []),
    ("answered", Withdrew(("a",)), "answered", []),
    ("answered", CloseAsked(), "answered", ["Tell", "Finish"]),
    ("answered", Finished(), "answered", []),
    ("answered", Released(), "answered", []),
    ("answered", TimePassed(), "answered", []),
    ("unanswered", Joined("a"), "unanswered", []),
    ("unanswered", Left("a"), "unanswered", []),
    ("unanswered", answered("a"), "unanswered", ["Receipt"]),
    ("unanswered", failed("a"), "unanswered", ["Receipt"]),
    ("unanswered", Counted(TASK, 5.0), "unanswered", []),
    ("unanswered", Refused(TASK, "bad"), "unanswered", []),
    ("unanswered", Damaged(TASK), "unanswered", []),
    ("unanswered", next_attempt("a"), "open", ["Send"]),
    ("unanswered", Withdrew(("a",)), "unanswered", []),
    ("unanswered", CloseAsked(), "unanswered", ["Tell", "Finish"]),
    ("unanswered", Finished(), "unanswered", []),
    ("unanswered", Released(), "unanswered", []),
    ("unanswered", TimePassed(), "unanswered", []),
    ("withdrawn", Joined("a"), "withdrawn", []),
    ("withdrawn", Left("a"), "withdrawn", []),
    ("withdrawn", answered("a"), "withdrawn", []),
    ("withdrawn", failed("a"), "withdrawn", []),
    ("withdrawn", Counted(TASK, 5.0), "withdrawn", []),
    ("withdrawn", Refused(TASK, "bad"), "withdrawn", []),
    ("withdrawn", Damaged(TASK), "withdrawn", []),
    ("withdrawn", next_attempt("a"), "open", ["Send"]),
    ("withdrawn", Withdrew(("a",)), "withdrawn", []),
    ("withdrawn", CloseAsked(), "withdrawn", ["Tell", "Finish"]),
    ("withdrawn", Finished(), "withdrawn", []),
    ("withdrawn", Released(), "withdrawn", []),
    ("withdrawn", TimePassed(), "withdrawn", []),
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
    assert kinds == set(get_args(Event))


@pytest.mark.parametrize(
    ("now", "state", "finish"),
    [
        (DEADLINE - 1, TaskState.CHECKING, []),
        (DEADLINE, TaskState.UNANSWERED, [Finish(share=False)]),
        (DEADLINE + 1, TaskState.UNANSWERED, [Finish(share=False)]),
    ],
)
def test_an_answer_counts_before_the_deadline_only(now, state, finish):
    """An update counts before the deadline; at and after it the update is late."""
    phase = phase_of("a")
    phase.handle(Joined("a"), 0.0)
    assert phase.waits_for(TASK, now) == (now < DEADLINE)

    done = phase.handle(answered("a"), now)

    assert phase.task_state(TASK) is state
    assert [each for each in done if isinstance(each, Finish)] == finish


def test_what_is_being_checked_at_the_deadline_still_counts():
    """An answer that came in time is waited for, and is in the totals."""
    phase = phase_of("a", "b")
    phase.handle(answered("a"), 0.0)

    assert names_of(phase.handle(TimePassed(), DEADLINE)) == ["Tell"]
    assert phase.state is PhaseState.CLOSING

    assert phase.handle(Counted(TASK, 5.0), DEADLINE + 9)[-1] == Finish(share=False)
    assert closed_in(phase.handle(Finished(), DEADLINE + 9)) == [PhaseClosed(1, 5.0)]
    assert phase.state is PhaseState.CLOSED


def test_who_is_not_here_at_the_close_is_gone_and_who_is_here_is_late():
    """The reason tells the two apart; only connected clients are told to stop."""
    phase = phase_of("a", "b")
    phase.handle(Joined("a"), 0.0)

    done = phase.handle(CloseAsked(), 1.0)

    assert {each.client: each.happening.why for each in done if isinstance(each, Tell)} == {
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
    """A client that missed the first receipt gets the same words."""
    phase = phase_of("a")
    phase.handle(answered("a"), 0.0)

    first = phase.handle(Refused(TASK, "wrong shape"), 1.0)
    again = phase.handle(answered("a"), 2.0)

    assert Tell(TaskUnanswered(Why.REFUSED, "wrong shape"), "a", TASK) in first
    assert again == [Receipt("a", Verdict(TASK, accepted=False, reason="wrong shape"))]


def test_strangers_are_nothing_to_a_phase():
    """A client that does not take part neither gets a task nor is remembered."""
    phase = phase_of("a")

    assert phase.handle(Joined("stranger"), 0.0) == []
    assert phase.client_of("no-such-task") is None
    assert phase.task_state("no-such-task") is None


def test_a_phase_without_clients_finishes_at_once():
    """Nobody is waited for."""
    assert phase_of().handle(TimePassed(), 0.0) == [Finish(share=False)]


def test_a_released_phase_never_finishes():
    """An answer being checked is receipted as not accepted, and the result of its check is ignored."""
    phase = phase_of("a", "b")
    phase.handle(Joined("b"), 0.0)
    phase.handle(answered("a"), 0.0)

    done = phase.handle(Released(), 1.0)

    assert done == [
        Receipt("a", Verdict(TASK, accepted=False, reason="The round is over.")),
        Cancel("b", OTHER),
    ]
    assert phase.handle(Counted(TASK, 5.0), 2.0) == []
    assert phase.handle(TimePassed(), DEADLINE) == []
    assert phase.answers == 0


def closed(*clients, at=0.0, **more):
    """Return a phase that was closed after these clients had answered, of a and b."""
    phase = phase_of("a", "b", **more)
    phase.handle(Joined("a"), at)
    phase.handle(Joined("b"), at)
    for client in clients:
        phase.handle(answered(client), at)
        phase.handle(Counted(task_id_of("phase", client), 2.0), at)
    phase.handle(CloseAsked(), at)
    phase.handle(Finished(), at)
    assert phase.state is PhaseState.CLOSED
    return phase


def test_a_higher_attempt_asks_those_without_an_answer_and_keeps_the_others():
    """The phase is open until the new deadline, and its end is told again with the totals of all."""
    phase = closed("a")

    assert phase.handle(next_attempt("a", "b"), DEADLINE + 1) == [Send("b", OTHER)]
    assert phase.state is PhaseState.OPEN
    assert phase.waits_for(OTHER, 2 * DEADLINE - 1)
    phase.handle(answered("b"), DEADLINE + 2)
    done = phase.handle(Counted(OTHER, 3.0), DEADLINE + 3)

    assert done == [Receipt("b", Verdict(OTHER, accepted=True)), Finish(share=False)]
    assert closed_in(phase.handle(Finished(), DEADLINE + 3)) == [PhaseClosed(2, 5.0, attempt=1)]


def test_a_higher_attempt_that_comes_at_the_deadline_leaves_the_work_alone():
    """Nobody is told to stop a training that goes on."""
    phase = phase_of("a")
    phase.handle(Joined("a"), 0.0)

    assert phase.handle(next_attempt("a"), DEADLINE + 1) == []
    assert phase.waits_for(TASK, DEADLINE + 1)


def test_a_higher_attempt_of_those_that_have_answered_is_told_at_once():
    """The end is told again, because nobody is waited for."""
    phase = closed("a", "b")

    assert phase.handle(next_attempt("a", "b"), 1.0) == [Finish(share=False)]
    assert closed_in(phase.handle(Finished(), 1.0)) == [PhaseClosed(2, 4.0, attempt=1)]


def test_a_lower_or_repeated_attempt_changes_nothing():
    """Orders come late, and twice."""
    phase = closed("a")
    phase.handle(StartedAgain(("a", "b"), 3, 2 * DEADLINE), 1.0)

    for attempt in (0, 2, 3):
        assert phase.handle(StartedAgain(("a", "b"), attempt, 9 * DEADLINE), 1.0) == []
    assert (phase.attempt, phase.deadline) == (3, 2 * DEADLINE)


def test_a_client_that_comes_later_opens_a_phase_that_had_all_its_answers():
    """It has moved here from another combiner; the deadline stays."""
    phase = phase_of("a")
    phase.handle(failed("a"), 0.0)
    phase.handle(Finished(), 0.0)
    assert phase.state is PhaseState.CLOSED

    phase.handle(StartedAgain(("b",), 0, 9 * DEADLINE), 1.0)

    assert phase.handle(Joined("b"), 1.0) == [Send("b", OTHER)]
    assert phase.deadline == DEADLINE
    assert names_of(phase.handle(TimePassed(), DEADLINE)) == ["Tell", "Cancel", "Finish"]


def test_a_client_that_comes_after_an_early_close_is_late():
    """The client's end and the phase's end are told again: nobody waits for either in vain."""
    phase = closed("a")

    done = phase.handle(StartedAgain(("c",), 0, 9 * DEADLINE), 1.0)

    assert names_of(done) == ["Tell", "Finish"]
    assert done[0].happening.why is Why.GONE
    assert closed_in(phase.handle(Finished(), 1.0)) == [PhaseClosed(1, 2.0)]


def test_a_partial_that_is_to_be_shared_later_is_shared_at_once():
    """A phase that is closed and stays so tells its end again."""
    phase = closed("a")

    done = phase.handle(StartedAgain(("a", "b"), 0, DEADLINE, share=True), 1.0)

    assert done == [Finish(share=True)]
    assert closed_in(phase.handle(Finished("no room"), 1.0)) == [PhaseClosed(1, 2.0, "no room")]
    again = phase.handle(StartedAgain(("a", "b"), 0, DEADLINE, share=True), 1.0)
    assert again == [Tell(PhaseClosed(1, 2.0, "no room"))]


def test_a_phase_that_opens_again_while_it_is_shared_is_told_when_it_closes_again():
    """The outcome of the sharing that was overtaken is dropped; the next one begins after its end."""
    phase = phase_of("a", "b", share=True)
    phase.handle(answered("a"), 0.0)
    phase.handle(Counted(TASK, 2.0), 0.0)
    assert phase.handle(CloseAsked(), 0.0)[-1] == Finish(share=True)

    phase.handle(next_attempt("b"), 1.0)
    phase.handle(answered("b"), 1.0)
    assert names_of(phase.handle(Counted(OTHER, 2.0), 1.0)) == ["Receipt"]

    assert phase.handle(Finished("overtaken"), 2.0) == [Finish(share=True)]
    assert closed_in(phase.handle(Finished(), 2.0)) == [PhaseClosed(2, 4.0, attempt=1)]


def test_a_withdrawal_ends_open_tasks_without_a_word():
    """The client works on for another combiner; the phase closes if nobody else is waited for."""
    phase = phase_of("a", "b")
    phase.handle(Joined("b"), 0.0)
    phase.handle(answered("a"), 0.0)
    phase.handle(Counted(TASK, 2.0), 0.0)

    assert phase.without_answer(["a", "b", "stranger"]) == ("b", "stranger")
    assert phase.handle(Withdrew(("b", "stranger")), 1.0) == [Finish(share=False)]
    assert closed_in(phase.handle(Finished(), 1.0)) == [PhaseClosed(1, 2.0)]


@pytest.mark.parametrize(
    ("events", "stays"),
    [
        ([answered("a")], True),
        ([answered("a"), Counted(TASK)], True),
        ([failed("a")], True),
        ([answered("a"), Refused(TASK, "bad")], True),
        ([CloseAsked()], False),
        ([Joined("a"), CloseAsked()], False),
        ([Withdrew(("a",))], False),
    ],
)
def test_only_a_client_that_has_said_nothing_may_be_withdrawn(events, stays):
    """An answer that is in, being checked or refused stays; a client without an answer may be withdrawn."""
    phase = phase_of("a", "b")
    for event in events:
        phase.handle(event, 0.0)

    assert phase.without_answer(["a"]) == (() if stays else ("a",))


def test_a_damaged_answer_is_asked_for_again_while_the_phase_is_open():
    """A damaged answer is asked for again; after the close it is late."""
    phase = phase_of("a", "b")
    phase.handle(Joined("a"), 0.0)
    phase.handle(answered("a"), 0.0)

    [told, sent] = phase.handle(Damaged(TASK), 1.0)
    assert (told.happening.why, sent) == (Why.DAMAGED, Send("a", TASK))
    phase.handle(answered("a"), 1.0)
    phase.handle(CloseAsked(), 1.0)
    done = phase.handle(Damaged(TASK), 2.0)

    assert names_of(done) == ["Tell", "Cancel", "Finish"]
    assert phase.answers == 0


def test_a_damaged_answer_of_a_client_that_is_elsewhere_is_told():
    """The controller asks it there."""
    phase = phase_of("a", "b")
    phase.handle(Joined("a"), 0.0)
    phase.handle(answered("a"), 0.0)
    phase.handle(Left("a"), 0.5)

    [told] = phase.handle(Damaged(TASK), 1.0)

    assert (told.happening.why, told.client) == (Why.DAMAGED, "a")
    assert phase.without_answer(["a"]) == ("a",)


def test_answers_that_are_asked_for_again_are_known_before():
    """The engine can delete the answers first."""
    phase = closed("a")
    phase.handle(StartedAgain(("c",), 0, DEADLINE), 0.0)

    assert phase.asked_again_by(next_attempt("a", "b")) == (OTHER,)
    assert phase.asked_again_by(StartedAgain(("a", "b"), 0, DEADLINE)) == ()


# Laws

CLIENTS = ("a", "b", "c")
LATE = ("c", "d")  # Clients that may come later, and come back
clients = st.sampled_from(CLIENTS)
late = st.sampled_from(("a", *LATE))
outside_events = st.one_of(
    clients.map(Joined),
    clients.map(Left),
    clients.map(answered),
    clients.map(failed),
    st.just(CloseAsked()),
    st.just(TimePassed()),
)
# An answer being checked may come back good, bad or lost at any later moment; so may a sharing.
outcomes = st.sampled_from(["good", "bad", "lost", "shared"])
changes = st.one_of(
    st.tuples(st.lists(late, max_size=3).map(tuple), st.integers(0, 3), st.booleans()),
    st.lists(st.sampled_from(("a", "b", *LATE)), min_size=1, max_size=2).map(Withdrew),
)
steps = st.lists(st.tuples(st.one_of(outside_events, outcomes), st.floats(0, 20)), max_size=60)
any_steps = st.lists(
    st.tuples(st.one_of(outside_events, outcomes, changes), st.floats(0, 20)), max_size=60
)


class Story:
    """A phase run as the engine would run it: every Check and every Finish is answered once, after a while."""

    def __init__(self):
        self.phase = phase_of(*CLIENTS[:2])
        self.now = 0.0
        self.checks = []
        self.folded = {}
        self.finishes = 0
        self.arrived = []
        self.done = []

    def feed(self, event):
        if isinstance(event, Answered):
            task = event.answer.task_id
            if self.phase.client_of(task) is None:
                return
            self.arrived.append(task)
        was = self.phase.state
        instructions = self.phase.handle(event, self.now)
        self.note(instructions, was, event)

    def note(self, instructions, was, event):
        self.checks += [each.answer.task_id for each in instructions if isinstance(each, Check)]
        self.finishes += len([each for each in instructions if isinstance(each, Finish)])
        assert self.finishes <= 1
        ended = {PhaseState.CLOSED, PhaseState.RELEASED}
        if was in ended and not isinstance(event, StartedAgain):
            assert set(names_of(instructions)) <= {"Receipt"}
        for each in closed_in(instructions):
            assert (each.answers, each.weight) == (len(self.folded), sum(self.folded.values()))
            assert not self.checks
        self.done += instructions

    def happen(self, outcome):
        if outcome == "shared":
            if self.finishes:
                self.finishes -= 1
                self.feed(Finished())
        elif self.checks:
            task = self.checks.pop(0)
            if outcome == "good":
                if self.phase.task_state(task) is TaskState.CHECKING:
                    assert task not in self.folded
                    self.folded[task] = 2.0 + len(self.folded)
                self.feed(Counted(task, 2.0 + len(self.folded) - 1))
            else:
                self.feed(Refused(task, "bad") if outcome == "bad" else Damaged(task))

    def run(self, steps):
        for event, seconds in steps:
            self.now += seconds
            match event:
                case str(outcome):
                    self.happen(outcome)
                case (listed, attempt, share):
                    deadline = self.now + DEADLINE
                    self.feed(StartedAgain(listed, attempt, deadline, share))
                case _:
                    self.feed(event)

    def settle(self):
        while self.checks or self.finishes:
            self.happen("good" if self.checks else "shared")

    def end(self):
        self.settle()
        self.now = max(self.now, self.phase.deadline)
        self.feed(TimePassed())
        self.settle()

    def all_of(self, kind):
        return [each for each in self.done if isinstance(each, kind)]

    @property
    def closes(self):
        return closed_in(self.done)

    @property
    def reported(self):
        tasks = [each for each in self.all_of(Tell) if isinstance(each.happening, TaskUnanswered)]
        return [each.task for each in tasks if each.happening.why is not Why.DAMAGED]


def accepted(story):
    return {each.verdict.task_id for each in story.all_of(Receipt) if each.verdict.accepted}


@given(steps)
def test_every_phase_closes_exactly_once_with_what_was_folded(steps):
    """If time goes on and every check gets its answer, there is one end, and its number is that of distinct answers."""
    story = Story()
    story.run(steps)
    story.end()

    assert story.closes == [PhaseClosed(len(story.folded), sum(story.folded.values()))]
    assert accepted(story) == set(story.folded)


@given(any_steps)
def test_a_phase_that_is_changed_in_any_order_closes_with_what_was_folded(steps):
    """Each answer counts once, and nothing hangs, whatever is added, opened again or withdrawn and when."""
    story = Story()
    story.run(steps)
    story.end()

    assert story.phase.state is PhaseState.CLOSED
    assert story.closes[-1] == PhaseClosed(
        len(story.folded), sum(story.folded.values()), attempt=story.phase.attempt
    )
    assert {
        task for task in story.folded if story.phase.task_state(task) is TaskState.ANSWERED
    } == set(story.folded)


@given(any_steps, st.integers(1, 3))
def test_every_higher_attempt_is_told_its_end(steps, more):
    """A further attempt opens the phase after any story and closes it with all answers that were in."""
    story = Story()
    story.run(steps)
    told = len(story.closes)
    story.feed(StartedAgain(("a", "d"), story.phase.attempt + more, story.now + DEADLINE))
    story.feed(Joined("d"))
    assert all(story.phase.client_of(task_id_of("phase", client)) for client in "ad")

    story.end()

    assert len(story.closes) > told
    assert story.closes[-1] == PhaseClosed(
        len(story.folded), sum(story.folded.values()), attempt=story.phase.attempt
    )


@given(steps)
def test_each_answer_is_receipted(steps):
    """The client gets a receipt, however often it sends the answer."""
    story = Story()
    story.run([(event, after) for event, after in steps if event != "lost"])
    story.end()

    checked = [each.answer.task_id for each in story.all_of(Check)]
    assert len(checked) == len(set(checked))
    assert {each.verdict.task_id for each in story.all_of(Receipt)} >= set(story.arrived)


@given(any_steps)
def test_no_task_both_counts_and_is_reported_unanswered_after_it(steps):
    """An answer that is in stays in."""
    story = Story()
    story.run(steps)
    story.end()

    last = {}
    for each in story.done:
        if isinstance(each, Receipt) and each.verdict.accepted:
            last[each.verdict.task_id] = "accepted"
        elif isinstance(each, Tell) and isinstance(each.happening, TaskUnanswered):
            last[each.task] = "reported"
    assert {task for task, word in last.items() if word == "accepted"} == set(story.folded)


@given(steps)
def test_each_task_of_an_undisturbed_phase_has_one_end(steps):
    """The end is an accepted receipt, or one report."""
    story = Story()
    story.run(steps)
    story.end()

    assert len(story.reported) == len(set(story.reported))
    assert set(story.folded).isdisjoint(story.reported)
    ended = set(story.folded) | set(story.reported)
    assert ended == {task_id_of("phase", client) for client in CLIENTS[:2]}


@given(any_steps)
def test_nothing_changes_after_the_end(steps):
    """The same events once more only repeat receipts."""
    story = Story()
    story.run(steps)
    story.end()
    states = {
        task: story.phase.task_state(task)
        for task in (task_id_of("phase", client) for client in (*CLIENTS, *LATE))
        if story.phase.client_of(task)
    }
    ended = story.phase.answers, story.phase.weight
    told = len(story.done)

    for event, _ in steps:
        if not isinstance(event, str | tuple | Withdrew):
            story.feed(event)
    for task in states:
        story.feed(Counted(task, 7.0))
        story.feed(Refused(task, "bad"))
        story.feed(Damaged(task))

    assert set(names_of(story.done[told:])) <= {"Receipt"}
    assert (story.phase.answers, story.phase.weight) == ended
    assert {task: story.phase.task_state(task) for task in states} == states


@given(any_steps, st.integers(0, 60))
def test_a_release_at_any_moment_is_the_last_word(steps, moment):
    """After the release there is no further end and nothing but receipts."""
    story = Story()
    story.run(steps[:moment])
    story.feed(Released())
    closes, told = len(story.closes), len(story.done)

    story.run(steps[moment:])
    story.end()

    assert len(story.closes) == closes
    assert set(names_of(story.done[told:])) <= {"Receipt"}
