"""A session's document is written first, and projections are never lost and never replaced by older ones."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.sessions.engine.commit import Commits
from fednet.controller.sessions.machine.orders import Projection
from fednet.errors import Conflict, Unavailable
from fednet.storage import open_documents

ME = {"name": "c", "incarnation": "1"}


@pytest.fixture
def commits(records):
    return Commits(records)


@pytest.fixture
def session(records):
    return records.insert(
        "sessions", {"id": "d", "session_id": "s", "status": "STARTED", "owner": ME, "term": 1}
    )


def model(id_, parent="m0"):
    fields = {"parent_id": parent, "session_id": "s"}
    return Projection("models", id_, fields)


def round_of(status, **fields):
    return Projection("rounds", "r", {"session_id": "s", "status": status, **fields})


def active(id_):
    return Projection("network", "active", {"model_id": id_})


STARTED = {"status": "STARTED"}


def test_projections_carry_the_term_and_version_of_their_session(commits, records, session):
    """The stamp keeps a superseded controller from replacing them."""
    after = commits.commit(session, STARTED, [model("m1")])

    stored = records.get("models", "m1")
    assert (stored["session_term"], stored["session_version"]) == (1, after["version"])


def test_a_commit_costs_a_database_no_reading(tmp_path, monkeypatch):
    """What was written last is known."""
    with closing(open_documents(f"sqlite:///{tmp_path}/state.db", COLLECTIONS)) as documents:
        records = Records(documents)
        commits = Commits(records)
        records.set_active(model_id="m0")
        begun = {"id": "d", "session_id": "s", "status": "STARTED", "owner": ME, "term": 1}
        session = records.insert("sessions", begun)
        session = commits.commit(session, STARTED, [round_of("Pending"), active("m1")])
        for reading in ("get", "find", "count", "scan"):
            monkeypatch.delattr(type(documents), reading)

        after = commits.commit(session, STARTED, [model("m2"), round_of("Failed"), active("m2")])

        monkeypatch.undo()
        assert records.get("sessions", "d") == after
        assert records.get("rounds", "r")["status"] == "Failed"
        assert records.active()["model_id"] == "m2"


def test_the_session_is_written_first(commits, records, session):
    """If its document cannot be changed, nothing else is written."""
    records.update("sessions", "d", lambda _: {"term": 2})

    with pytest.raises(Conflict):
        commits.commit(session, STARTED, [model("m1"), round_of("Pending")])

    assert records.count("models") == records.count("rounds") == 0


def test_a_crash_after_the_session_is_completed_by_the_next_driver(
    commits, records, session, monkeypatch
):
    """The session's document carries the missing projections."""
    records.insert("models", {"id": "m0", "session_id": None})
    records.set_active(model_id="m0")

    def crash(*_):
        raise Unavailable("The process ends here.")

    monkeypatch.setattr(commits, "_put", crash)
    with pytest.raises(Unavailable):
        commits.commit(session, STARTED, [model("m1"), round_of("Pending"), active("m1")])
    monkeypatch.undo()

    Commits(records).complete(records.get("sessions", "d"))

    assert records.get("models", "m1")["parent_id"] == "m0"
    assert records.get("rounds", "r")["round_id"] == "1"
    assert records.active()["model_id"] == "m1"


def test_a_model_that_a_person_has_set_meanwhile_stays_active(commits, records, session):
    """The completion of an older commit does not take it back."""
    after = commits.commit(session, STARTED, [model("m1"), active("m1")])
    records.insert("models", {"id": "mine", "session_id": None})
    records.set_active(model_id="mine")

    commits.complete(after)

    assert records.active()["model_id"] == "mine"


def test_a_completion_replaces_nothing_newer(commits, records, session):
    """Documents of a later commit stay."""
    first = commits.commit(session, STARTED, [round_of("Pending")])
    commits.commit(first, STARTED, [round_of("Failed")])

    Commits(records).complete(first)

    assert records.get("rounds", "r")["status"] == "Failed"


def test_a_session_that_ends_is_settled_once_all_is_written(commits, records, session, monkeypatch):
    """The mark stays until then, because nobody takes an ended session up."""
    seen, put = [], commits._put

    def look(*arguments):
        seen.append(records.get("sessions", "d")["is_settled"])
        put(*arguments)

    monkeypatch.setattr(commits, "_put", look)
    after = commits.commit(session, {"status": "FINISHED"}, [model("m1")])

    assert (seen, after["is_settled"]) == ([False], True)


def test_a_finished_round_says_how_long_its_commit_took(commits, records, session):
    """The seconds are in the document as it is first seen."""
    commits.commit(session, STARTED, [round_of("Finished", seconds={"round": 1.0})])

    assert records.get("rounds", "r")["seconds"]["commit"] > 0


def test_nothing_is_read_before_it_is_put(commits, records, session, monkeypatch):
    """A document is inserted, or updated from the one that is remembered."""
    first = commits.commit(session, STARTED, [round_of("Pending")])
    second = commits.commit(first, STARTED, [round_of("Pending")])

    def refuse(*_arguments, **_options):
        raise AssertionError("the store was read")

    for reading in ("get", "find", "update"):
        monkeypatch.setattr(Records, reading, refuse)
    commits.commit(second, STARTED, [round_of("Failed"), model("m1")])
    monkeypatch.undo()

    assert records.get("rounds", "r")["status"] == "Failed"


def test_rounds_are_numbered_through_the_network_without_repeats(records):
    """Sessions of two controllers may begin rounds at the same time."""
    both = [Commits(records), Commits(records)]

    def begin(number):
        session_id = f"s{number}"
        session = {"id": session_id, "session_id": session_id, "status": "STARTED", "term": 1}
        pending = Projection("rounds", f"r{number}", {"session_id": session_id, "number": 1})
        both[number % 2].commit(records.insert("sessions", session), STARTED, [pending])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(begin, range(20)))

    numbers = [int(each["round_id"]) for each in records.find("rounds")]
    assert sorted(numbers) == list(range(1, 21))


def test_a_write_of_which_only_the_answer_was_lost_is_no_conflict(
    commits, records, session, monkeypatch
):
    """The repeated write finds its own work."""
    update = records.documents.update

    def update_and_lose_the_answer(*arguments, **options):
        update(*arguments, **options)
        raise Unavailable("The line broke.")

    monkeypatch.setattr(records.documents, "update", update_and_lose_the_answer)
    with pytest.raises(Unavailable):
        commits.commit(session, STARTED)
    monkeypatch.undo()

    assert commits.commit(session, STARTED)["version"] == session["version"] + 1


def test_the_same_write_under_another_term_is_a_conflict(commits, records, session):
    """A session that was taken over is not ours, even if nothing else differs."""
    settled = {"projections": [], "is_settled": True}
    records.update("sessions", "d", lambda _: {**STARTED, **settled, "term": 2})

    with pytest.raises(Conflict):
        commits.commit(session, STARTED)
