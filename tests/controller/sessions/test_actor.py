"""A session's thread: it stores before it acts, waits for the store, and never leaves anybody waiting."""

import queue
import threading

import pytest

from fednet.controller.sessions.actor import SessionActor
from fednet.controller.sessions.events import (
    Answered,
    Began,
    NetworkChanged,
    PhaseClosed,
    Reduced,
    StartPhase,
    StopAsked,
)
from fednet.controller.sessions.state import BlobRef
from fednet.controller.sessions.store import SessionStore
from fednet.errors import LimitExceeded, Unavailable

ONE_CLIENT = NetworkChanged({"k": {"site": frozenset({"TRAIN"})}})
SECONDS = 10


class Desk:
    """An actor on real documents, and what it did in its order."""

    def __init__(self, records, session):
        self.records = records
        self.done = queue.Queue()
        self.started = queue.Queue()
        document = {
            "id": session.document_id,
            "session_id": session.session_id,
            "status": str(session.status),
            "state": session.to_dict(),
        }
        self.actor = SessionActor(
            records.insert("sessions", document),
            SessionStore(records),
            self.act,
            self.stored,
        )

    def act(self, _session, action, _tell):
        self.done.put((type(action).__name__, self.document()["progress"]["phase"]))
        if isinstance(action, StartPhase):
            self.started.put(action)

    def stored(self, document):
        self.rounds_as_told = self.records.find("rounds")
        self.done.put(("stored", document["status"]))

    def document(self):
        return self.records.get("sessions", "s")

    def tell(self, *events):
        """Tell events; comes back when all are stored."""
        for stored in [self.actor.tell(event) for event in events]:
            stored.result(SECONDS)

    def wait(self):
        """Wait until the session has ended; its document."""
        self.actor._thread.join(SECONDS)
        assert not self.actor._thread.is_alive()
        return self.document()


@pytest.fixture
def desk(records, new_session):
    """Makes an actor that runs; it is stopped at the end."""
    desks = []

    def make(**fields):
        desks.append(Desk(records, new_session(validate=False, round_retries=0, **fields)))
        desks[-1].actor.start()
        return desks[-1]

    yield make
    for each in desks:
        each.actor.stop()


def test_a_decision_is_stored_before_it_is_acted_on(desk):
    """When a phase is started, the document says that the session trains."""
    running = desk()

    running.tell(ONE_CLIENT, Began())

    running.started.get(timeout=SECONDS)
    done = list(running.done.queue)
    assert done.index(("StartPhase", "training")) == done.index(("stored", "STARTED")) + 1


def test_a_finished_round_says_how_long_its_commit_took_before_anybody_is_told(desk):
    """The seconds are in the round's document when the end of the session is told."""
    running = desk()
    running.tell(ONE_CLIENT, Began())
    phase = running.started.get(timeout=SECONDS).phase

    running.tell(PhaseClosed("k", phase.phase_id, 1, 1.0))
    current = running.actor.session.round
    running.tell(Reduced(BlobRef(current.model_id, 2, "1" * 64), 0.25))

    assert running.wait()["status"] == "FINISHED"
    [seconds] = [each["seconds"] for each in running.rounds_as_told]
    assert list(seconds) == ["round", "plan", "train", "reduce", "commit"]
    assert 0 < seconds["commit"] < seconds["round"]


def test_deadlines_wake_the_session_though_nothing_happens(desk):
    """Nobody tells it the time."""
    running = desk(round_timeout=0.05)

    running.actor.tell(Began())

    assert running.wait()["status"] == "FAILED"
    assert "0 of at least 1 clients were connected" in running.document()["reason"]


def test_a_session_waits_while_the_store_is_away_and_goes_on(desk, records, monkeypatch):
    """Nothing is acted on in between, and nothing is lost."""
    running, update, calls = desk(), records.documents.update, []

    def away_three_times(*arguments, **options):
        calls.append(running.started.qsize())
        if len(calls) <= 3:
            raise Unavailable("The store is away.")
        return update(*arguments, **options)

    monkeypatch.setattr(records.documents, "update", away_three_times)
    running.tell(ONE_CLIENT, Began())

    running.started.get(timeout=SECONDS)
    assert len(calls) > 3
    assert not any(calls[:4])
    assert running.document()["status"] == "STARTED"


def test_a_stop_while_the_store_is_away_leaves_the_news_untaken(desk, records, monkeypatch):
    """They are cancelled, so that the combiner keeps them for the next controller."""
    running, tried = desk(), threading.Event()

    def away(*_arguments, **_options):
        tried.set()
        raise Unavailable("The store is away.")

    monkeypatch.setattr(records.documents, "update", away)
    told = [running.actor.tell(event) for event in (ONE_CLIENT, Began())]
    tried.wait(SECONDS)
    running.actor.stop()

    told.append(running.actor.tell(Began()))
    assert told[1].cancelled()
    assert told[2].cancelled()
    assert running.started.empty()


def test_a_session_that_another_controller_runs_is_let_go(desk, records):
    """What the other wrote stays; nobody waits for an answer here."""
    running = desk()
    records.update("sessions", "s", lambda _: {"reason": "the other was here"})

    running.tell(ONE_CLIENT, Began(), StopAsked("late"))

    assert running.wait()["reason"] == "the other was here"
    assert running.started.empty()


@pytest.mark.parametrize("error", [RuntimeError("a bug"), LimitExceeded("Too large.")])
def test_a_session_that_cannot_go_on_fails_with_the_reason(desk, monkeypatch, error, caplog):
    """Whatever it was; it is in the log too."""
    running = desk()

    def broken(*_arguments):
        raise error

    monkeypatch.setattr(running.actor, "_act", broken)
    running.tell(ONE_CLIENT, Began())

    document = running.wait()
    assert document["status"] == "FAILED"
    assert error.args[0] in document["reason"]
    assert "Its log tells more." in document["reason"]
    assert "cannot go on" in caplog.text


def test_after_the_end_news_are_taken_at_once(desk):
    """A combiner that is late may forget them."""
    running = desk()
    running.tell(Began(), StopAsked("enough"))
    running.wait()

    for _ in range(5000):
        running.actor.tell(Began()).result(0)

    assert running.document()["status"] == "TERMINATED"


def test_a_stopped_session_is_taken_up_where_it_was(desk, records):
    """The same phase is asked for again, under the same id, and the round comes to its end."""
    running = desk(round_timeout=60)
    running.tell(ONE_CLIENT, Began())
    first = running.started.get(timeout=SECONDS)
    running.actor.stop()
    done = queue.Queue()
    taken_up = SessionActor(
        running.document(),
        SessionStore(records),
        lambda _, action, __: done.put(action),
        lambda _: None,
    )

    taken_up.start()
    taken_up.tell(ONE_CLIENT)
    taken_up.tell(Began())
    again = done.get(timeout=SECONDS)
    phase_id = again.phase.phase_id
    taken_up.tell(Answered(phase_id, "site", 1.0))
    taken_up.tell(PhaseClosed("k", phase_id, 1, 1.0)).result(SECONDS)

    assert again.phase.phase_id == first.phase.phase_id
    assert running.document()["progress"]["phase"] == "reducing"
    assert type(done.get(timeout=SECONDS)).__name__ == "Reduce"
    taken_up.stop()
