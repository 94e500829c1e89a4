"""Answers are stored one by one, and bring a session up to date when it is taken up."""

from dataclasses import replace

import pytest

from fednet import limits
from fednet.controller.sessions.engine.additions import add
from fednet.controller.sessions.engine.answers import (
    document_of,
    forget_lost,
    forget_moved,
    stored_events,
)
from fednet.controller.sessions.engine.news import News, TaskFailed, UpdateFolded, ValueGiven
from fednet.controller.sessions.machine.events import Answered, Unanswered

SECONDS = {"download": 0.1, "train": 1.0, "upload": 0.2, "fold": 0.05}


def news(what, number=1, task="t", phase="p"):
    about = {"session_id": "s", "round_id": "r", "round_number": 1, "model_id": "m"}
    more = {"kind": "TRAIN", "client": "c", "task": task, "phase_id": phase}
    return News(combiner="k", number=number, happened_at=1e9, what=what, **about, **more)


def stored(records, *told):
    add(records, [("answers", document_of(each, "epoch", "site")) for each in told])


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (UpdateFolded(5.0, {"loss": 1}, SECONDS), Answered("p", "k", "c", 5.0, SECONDS)),
        (
            ValueGiven({"key": 1}, b"\x00\xff"),
            Answered("p", "k", "c", value={"key": 1}, content=b"\x00\xff"),
        ),
        (TaskFailed("LATE", "too late", ""), Unanswered("p", "c", "site", "too late")),
    ],
)
def test_a_stored_answer_is_the_event_that_it_was(records, what, expected):
    """The events are the same for a controller that takes the session up."""
    stored(records, news(what))

    assert list(stored_events(records, ["p"])) == [expected]


def test_an_answer_told_twice_is_one_document(records):
    """Its id is the task's."""
    folded = UpdateFolded(5.0, {}, SECONDS)
    stored(records, news(folded, number=1), news(folded, number=9))

    assert [each["id"] for each in records.find("answers")] == ["t"]


def test_a_task_that_failed_and_was_answered_later_leaves_both(records):
    """The failure has an id of its own."""
    stored(records, news(TaskFailed("FAILED", "no", ""), 1), news(UpdateFolded(5.0, {}, {}), 2))

    assert {each["outcome"] for each in records.find("answers")} == {"failed", "counted"}


def test_an_answer_that_is_lost_makes_room_for_the_next_one(records):
    """A controller that takes the session up must not count on the lost answer."""
    stored(records, news(UpdateFolded(5.0, {}, {}), 1))
    lost = news(TaskFailed("DAMAGED", "zeros", ""), 2)

    forget_lost(records, [lost])
    stored(records, lost, replace(news(UpdateFolded(7.0, {}, {}), 1), combiner="other"))

    assert {each["outcome"] for each in records.find("answers")} == {"damaged", "counted"}
    assert records.get("answers", "t")["combiner"] == "other"


def test_a_loss_that_is_told_again_takes_nothing_from_another_combiner(records):
    """The next answer came there meanwhile."""
    stored(records, replace(news(UpdateFolded(7.0, {}, {}), 1), combiner="other"))

    forget_lost(records, [news(TaskFailed("DAMAGED", "zeros", ""), 2)])

    assert records.get("answers", "t")["num_examples"] == 7.0


@pytest.mark.parametrize(("happened_at", "expected"), [(2e9, "other"), (5e8, "k")])
def test_the_newer_of_two_answers_to_a_task_is_stored(records, happened_at, expected):
    """A combiner was given up with an answer, so that its client answers at another one; the first may tell again."""
    stored(records, news(UpdateFolded(5.0, {}, {}), 1))
    again = news(UpdateFolded(5.0, {}, {}), 1)
    document = document_of(
        replace(again, combiner="other", happened_at=happened_at), "epoch", "site"
    )

    forget_moved(records, [("answers", document)])
    records.documents.insert_missing("answers", [document])

    assert records.get("answers", "t")["combiner"] == expected


def test_only_answers_of_the_asked_phases_come_back_whatever_their_number(records, monkeypatch):
    """The answers are read page by page."""
    monkeypatch.setattr(limits, "page_items_max", 3)
    mine = [news(UpdateFolded(n, {}, {}), n, f"t{n}", f"p{n % 4}") for n in range(20)]
    stored(records, *mine, news(UpdateFolded(1.0, {}, {}), 99, "x", "other"))

    found = list(stored_events(records, [f"p{n}" for n in range(4)]))

    assert sorted(each.num_examples for each in found) == list(range(20))
