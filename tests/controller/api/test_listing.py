"""Lists in bounded memory."""

import json

import pytest

from fednet import limits
from fednet.controller.api.listing import object_answer, pages
from fednet.errors import Unavailable
from fednet.storage import Query


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch):
    monkeypatch.setattr(limits, "page_items_max", 2)


@pytest.fixture
def five(records):
    """Five statuses."""
    for number in range(5):
        records.insert("statuses", {"id": f"s{number}"})


def ids(page):
    return [each["id"] for each in page]


@pytest.mark.usefixtures("five")
def test_a_list_is_read_page_by_page(app):
    """Each page is no longer than the limit, whatever is asked for."""
    with app.test_request_context():
        found = [ids(page) for page in pages("statuses", Query(skip=1))]

        assert found == [["s1", "s2"], ["s3", "s4"]]
        assert [ids(page) for page in pages("statuses", Query(limit=3))] == [["s0", "s1"], ["s2"]]


@pytest.mark.usefixtures("five")
def test_what_is_added_meanwhile_doubles_nothing(app, records):
    """New documents shift the pages of a newest-first list."""
    with app.test_request_context():
        reading = pages("statuses", Query(descending=True))
        first = ids(next(reading))
        records.insert("statuses", {"id": "new"})

        assert first == ["s4", "s3"]
        assert [each for page in reading for each in ids(page)] == ["s2", "s1", "s0"]


@pytest.mark.usefixtures("five")
def test_a_store_that_is_away_is_told_before_the_answer_begins(api, records, monkeypatch):
    """503 instead of half a list."""

    def away(*_):
        raise Unavailable("The state store does not answer.")

    monkeypatch.setattr(type(records), "find", away)

    assert api.get("/api/v1/statuses/").status_code == 503


@pytest.mark.usefixtures("five")
def test_an_object_is_written_member_by_member(app):
    """In the order in which they come."""
    with app.test_request_context():
        answer = object_answer((name, {"n": name}) for name in ("b", "a"))

        assert answer.mimetype == "application/json"
        assert json.loads(answer.get_data()) == {"b": {"n": "b"}, "a": {"n": "a"}}
        assert object_answer(()).get_json() == {}
