"""A combiner's word on clients counts for those that the controller has placed on it."""

import pytest

from fednet.controller.presence import Capabilities
from fednet.controller.sessions.engine.news import ClientSeen, News, Snapshot, TaskSent
from fednet.controller.sessions.engine.placed import misplaced, without

ABLE = Capabilities(frozenset({"TRAIN"}), needs_package=False)


@pytest.fixture
def clients(records):
    """Return the documents; a is placed on c1, and b on c2."""
    for name, combiner in (("a", "c1"), ("b", "c2")):
        records.insert("clients", {"id": name, "name": name, "combiner": combiner})
    return records


def news(what, client=""):
    return News("c1", 0, 0.0, "", "", "", 0, "", "", client, "", what)


def test_clients_that_are_placed_elsewhere_or_unknown_are_left_out(clients, caplog):
    """In a snapshot, and one by one; the log names them."""
    claimed = Snapshot("e", {"a": ABLE, "b": ABLE, "nobody": ABLE}, {}, allows_functions=True)
    told = [news(claimed), *(news(ClientSeen(ABLE), name) for name in ("a", "b"))]

    foreign = misplaced(clients, "c1", told)
    kept = without(told, foreign)

    assert foreign == {"b", "nobody"}
    assert kept[0].what == Snapshot("e", {"a": ABLE}, {}, allows_functions=True)
    assert [each.client for each in kept[1:]] == ["a"]
    assert "c1 serves the client b" in caplog.text


def test_other_news_costs_no_question(clients, monkeypatch):
    """Answers are judged by the session that has asked."""
    monkeypatch.setattr(type(clients), "find", None)

    assert misplaced(clients, "c1", [news(TaskSent(), "b")]) == set()
