"""A session's thread: it commits before it acts, waits for the store, and never leaves anybody waiting."""

import queue
import threading

import pytest

from fednet import limits
from fednet.controller.measures import ControllerMetrics
from fednet.controller.sessions.engine.actor import Ports, SessionActor
from fednet.controller.sessions.engine.commit import Commits
from fednet.controller.sessions.engine.lost_time import LostTime
from fednet.controller.sessions.engine.patience import Patience
from fednet.controller.sessions.machine.events import (
    Answered,
    Began,
    CombinerUp,
    PauseAsked,
    PhaseClosed,
    Reduced,
    StopAsked,
)
from fednet.controller.sessions.machine.kernel import Machine
from fednet.controller.sessions.machine.state import BlobRef
from fednet.digests import Digest
from fednet.errors import LimitExceeded, Superseded, Unavailable
from fednet.traces import Traces

ONE_CLIENT = CombinerUp("k", {"site": frozenset({"TRAIN"})})
SECONDS = 10


PRELUDE = (ONE_CLIENT, Began())


class Desk:
    """An actor on real documents, and its deeds in their order."""

    def __init__(self, records, session, lost, *, prelude=PRELUDE):
        self.records = records
        self.done = queue.Queue()
        self.calls = queue.Queue()
        self.lost_to_others = threading.Event()
        if not (document := records.lookup("sessions", session.document_id)):
            rights = {"owner": {"name": "c", "incarnation": "1"}, "term": 1, "projections": []}
            about = {"id": session.document_id, "session_id": session.session_id}
            first = {**about, **rights, **Machine(session).document()}
            document = records.insert("sessions", first)
        self.commits = Commits(records)
        self.stopping = threading.Event()
        patience = Patience(self.stopping, lost)
        observed = (ControllerMetrics(), Traces(None, "controller", "c"))
        ports = Ports(self.commits, self.give, patience, lost, self, lambda _: "warrant", *observed)
        self.actor = SessionActor(document, "c", ports, lambda _: list(prelude))

    def give(self, combiner, call, then):
        self.done.put((call.method, self.document()["progress"]["phase"]))
        self.calls.put((combiner, call, then))

    def stored(self, document):
        self.rounds_as_told = self.records.find("rounds")
        self.done.put(("stored", document["status"]))

    def lost(self, _actor):
        self.lost_to_others.set()

    def document(self):
        return self.records.get("sessions", "s")

    def next_call(self, method):
        """Return the next call of this method."""
        while True:
            _, call, then = self.calls.get(timeout=SECONDS)
            if call.method == method:
                return call.message, then

    def tell(self, *events):
        """Tell events; return when all are stored."""
        for stored in [self.actor.tell(event) for event in events]:
            stored.result(SECONDS)

    def wait(self):
        """Wait until the actor's thread has ended; return the session's document."""
        self.actor._thread.join(SECONDS)
        assert not self.actor._thread.is_alive()
        return self.document()


@pytest.fixture
def lost():
    made = LostTime()
    yield made
    made.close()


@pytest.fixture
def desk(records, new_session, lost):
    """Give a function that makes an actor that runs; it is stopped at the end."""
    desks = []

    def make(*, prelude=PRELUDE, **fields):
        session = new_session(validate=False, round_retries=0, **fields)
        desks.append(Desk(records, session, lost, prelude=prelude))
        desks[-1].actor.start()
        return desks[-1]

    yield make
    for each in desks:
        each.actor.stop()


def closed(phase_id, answers=1, weight=1.0):
    return PhaseClosed("k", phase_id, answers, weight)


def test_a_decision_is_stored_before_it_is_acted_on(desk):
    """The document says that the session trains when a phase is started."""
    running = desk()

    running.next_call("Start")

    done = list(running.done.queue)
    assert done[:2] == [("stored", "STARTED"), ("Start", "training")]


def test_each_order_names_its_authority(desk):
    """The authority is the controller and the session's term."""
    message, _ = desk().next_call("Start")

    right = message.authority
    assert (right.controller, right.term, right.session_id) == ("c", 1, "s")


def test_a_finished_round_says_how_long_its_commit_took_before_anybody_is_told(desk):
    """The seconds are in the round's document when the end of the session is told."""
    running = desk()
    phase, _ = running.next_call("Start")

    running.tell(closed(phase.phase_id))
    reduction, _ = running.next_call("Reduce")
    running.tell(Reduced(BlobRef(reduction.model_id, Digest.read("1" * 64, 2)), 0.25))

    assert running.wait()["status"] == "FINISHED"
    [seconds] = [each["seconds"] for each in running.rounds_as_told]
    assert list(seconds) == ["round", "plan", "validate", "train", "reduce", "commit"]
    assert seconds["commit"] > 0


def test_answers_do_not_write_the_session_each(desk, monkeypatch):
    """Only their progress is written, at most once in a while."""
    monkeypatch.setattr(limits, "progress_seconds", 1000)
    running = desk(requested_clients=100)
    phase, _ = running.next_call("Start")
    before = running.document()["version"]

    running.tell(*(Answered(phase.phase_id, "k", f"c{number}") for number in range(100)))

    assert running.document()["version"] == before


def test_progress_is_written_after_a_while(desk, monkeypatch):
    """Progress is written although nobody tells the session anything more."""
    monkeypatch.setattr(limits, "progress_seconds", 0.05)
    running = desk()
    phase, _ = running.next_call("Start")
    running.done.queue.clear()

    running.tell(Answered(phase.phase_id, "k", "site"))

    assert running.done.get(timeout=SECONDS) == ("stored", "STARTED")
    assert running.document()["progress"]["answers"] == 1


def test_totals_are_committed_before_they_count_as_stored(desk):
    """A combiner tells them once."""
    running = desk(prelude=(ONE_CLIENT, CombinerUp("l", {"b": frozenset({"TRAIN"})}), Began()))
    phase, _ = running.next_call("Start")

    running.tell(closed(phase.phase_id))

    shares = running.document()["state"]["round"]["phase"]["shares"]
    assert (shares["k"]["closed"], shares["l"]["closed"]) == (True, False)


def test_deadlines_wake_the_session_though_nothing_happens(desk):
    """Nobody tells it the time."""
    running = desk(round_timeout=0.05, prelude=[Began()])

    assert running.wait()["status"] == "FAILED"
    assert "0 of at least 1 clients were connected" in running.document()["reason"]


def test_a_session_waits_while_the_store_is_away_and_goes_on(desk, records, monkeypatch):
    """No order is given during the outage, and nothing is lost."""
    update, calls = records.documents.update, []

    def away_three_times(*arguments, **options):
        calls.append(running.calls.qsize() if len(calls) else 0)
        if len(calls) <= 3:
            raise Unavailable("The store is away.")
        return update(*arguments, **options)

    may_begin = threading.Event()

    def prelude():
        may_begin.wait(SECONDS)
        yield from (ONE_CLIENT, Began())

    running = desk(prelude=prelude())
    monkeypatch.setattr(records.documents, "update", away_three_times)
    may_begin.set()

    running.next_call("Start")
    assert len(calls) > 3
    assert not any(calls[:4])


def test_a_stop_while_the_store_is_away_leaves_the_news_untaken(desk, records, monkeypatch):
    """The news is cancelled, so that the combiner keeps it for the next controller."""
    running, tried = desk(), threading.Event()
    running.next_call("Start")

    def away(*_arguments, **_options):
        tried.set()
        raise Unavailable("The store is away.")

    monkeypatch.setattr(records.documents, "update", away)
    told = [running.actor.tell(PauseAsked())]
    tried.wait(SECONDS)
    running.actor.stop()

    told.append(running.actor.tell(Began()))
    assert all(each.cancelled() for each in told)


@pytest.fixture
def superseded(desk, records):
    """Return a session that another controller has taken over, told by its document."""
    running = desk()
    running.next_call("Start")
    records.update("sessions", "s", lambda _: {"term": 2, "reason": "the other was here"})
    return running


def test_after_a_conflict_nothing_of_the_batch_counts_as_stored(superseded):
    """The next driver must hear it; the document stays as the other wrote it."""
    told = [superseded.actor.tell(event) for event in (PauseAsked(), StopAsked("late"))]

    assert superseded.wait()["reason"] == "the other was here"
    assert all(each.cancelled() for each in told)
    assert superseded.actor.tell(Began()).cancelled()


def test_after_a_conflict_the_actor_is_forgotten_and_gives_no_order(superseded):
    """The next request is sent to the other controller."""
    superseded.calls.queue.clear()

    superseded.actor.tell(StopAsked("late"))

    superseded.wait()
    assert superseded.lost_to_others.is_set()
    assert superseded.calls.empty()


def test_a_combiner_that_knows_a_later_term_makes_the_actor_give_up(desk):
    """The actor gives up as after a conflict."""
    running = desk()
    _, then = running.next_call("Start")

    then(Superseded("Another controller drives it."))

    running.wait()
    assert running.lost_to_others.is_set()
    assert running.actor.tell(Began()).cancelled()


@pytest.mark.parametrize("error", [RuntimeError("a bug"), LimitExceeded("Too large.")])
def test_a_session_that_cannot_go_on_fails_with_the_reason(desk, monkeypatch, error, caplog):
    """The reason is in the log too, whatever it is."""
    running = desk()
    running.next_call("Start")
    handle = running.actor._machine.handle

    def broken(event, now):
        if isinstance(event, PauseAsked):
            raise error
        return handle(event, now)

    monkeypatch.setattr(running.actor._machine, "handle", broken)
    running.actor.tell(PauseAsked())

    document = running.wait()
    assert document["status"] == "FAILED"
    assert error.args[0] in document["reason"]
    assert "Its log tells more." in document["reason"]
    assert "cannot go on" in caplog.text


def test_after_the_end_news_is_taken_at_once(desk):
    """A combiner that is late may forget it."""
    running = desk()
    running.tell(StopAsked("enough"))
    running.wait()

    for _ in range(5000):
        running.actor.tell(Began()).result(0)

    assert running.document()["status"] == "TERMINATED"


def test_time_without_the_store_counts_for_no_deadline(desk, lost, monkeypatch):
    """The lost time is told before the deadline is judged."""
    running = desk(round_timeout=60)
    running.next_call("Start")
    running.actor.tell(Answered("p", "k", "nobody")).result(SECONDS)
    before = running.actor.session.round.deadline
    monkeypatch.setattr(limits, "store_slow_seconds", 0.05)

    with lost.store_in_use():
        threading.Event().wait(0.2)
    running.tell(PauseAsked())

    assert running.actor.session.round.deadline >= before + 0.2


def test_a_stopped_session_is_taken_up_where_it_was(desk, records, lost):
    """The phase goes on under its id, stored answers count, and nobody is asked twice."""
    running = desk(round_timeout=60)
    first, _ = running.next_call("Start")
    running.actor.stop()
    answered = Answered(first.phase_id, "k", "site", 1.0)
    taken_up = Desk(records, running.actor.session, lost, prelude=[ONE_CLIENT, answered, Began()])

    taken_up.actor.start()
    again, _ = taken_up.next_call("Start")
    taken_up.tell(closed(first.phase_id))

    assert (again.phase_id, list(again.clients)) == (first.phase_id, [])
    assert taken_up.document()["progress"]["phase"] == "reducing"
    taken_up.next_call("Reduce")
    taken_up.actor.stop()
