"""What all resources have in common."""

import pytest

from fednet import limits

RESOURCES = [
    "clients",
    "combiners",
    "models",
    "packages",
    "rounds",
    "sessions",
    "statuses",
    "validations",
]


@pytest.fixture
def statuses(records):
    """Five statuses of two sources."""
    for number in range(5):
        records.insert(
            "statuses",
            {
                "id": f"s{number}",
                "type": f"T{number}",
                "session_id": "one",
                "source": {"name": "a" if number < 3 else "b", "kind": "client"},
            },
        )


def ids(answer):
    assert answer.status_code == 200
    return [each["id"] for each in answer.json["result"]]


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_resource_has_lists_counts_and_objects(api, records, resource):
    """All eight of them."""
    records.insert(resource, {"id": "x"})

    path = f"/api/v1/{resource}"

    assert api.get(f"{path}/").json["count"] == 1
    assert ids(api.post(f"{path}/list", json={})) == ["x"]
    assert api.get(f"{path}/count").json == 1
    assert api.post(f"{path}/count", json={}).json == 1
    assert api.get(f"{path}/x").json["id"] == "x"
    assert api.get(f"{path}/y").status_code == 404


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_filter_that_is_not_documented_is_refused(api, resource):
    """Whether it is unknown, an operator, or a field that is not for filtering."""
    for filters in ({"bogus": "1"}, {"$where": "1"}, {"state": "x"}, {"version": "1"}):
        answers = [
            api.get(f"/api/v1/{resource}/", query_string=filters),
            api.get(f"/api/v1/{resource}/count", query_string=filters),
            api.post(f"/api/v1/{resource}/list", json=filters),
            api.post(f"/api/v1/{resource}/count", data=filters),
        ]

        assert {answer.status_code for answer in answers} == {400}
        assert {answer.json["field"] for answer in answers} == set(filters)


@pytest.mark.parametrize("value", [{"$ne": 1}, 7, [7], [["a"]], [{"$ne": 1}]])
def test_a_filter_takes_texts_only(api, value):
    """Nothing of a query reaches the store as an operator."""
    answer = api.post("/api/v1/statuses/list", json={"type": value})

    assert answer.status_code == 422
    assert answer.json["field"].startswith("type")


@pytest.mark.parametrize("body", [[7], [], 7, "type"])
def test_filters_that_are_no_json_object_are_a_bad_request(api, body):
    """The message says what to send."""
    answers = [api.post(f"/api/v1/statuses/{what}", json=body) for what in ("list", "count")]

    assert {answer.status_code for answer in answers} == {400}
    assert all("JSON object" in answer.json["message"] for answer in answers)


@pytest.mark.usefixtures("statuses")
def test_lists_are_newest_first(api):
    """Unless the headers say otherwise."""
    assert ids(api.get("/api/v1/statuses/")) == ["s4", "s3", "s2", "s1", "s0"]


@pytest.mark.usefixtures("statuses")
def test_a_list_is_sorted_as_asked(api):
    """By a declared field."""
    headers = {"X-Sort-Key": "type", "X-Sort-Order": "asc"}

    assert ids(api.get("/api/v1/statuses/", headers=headers)) == ["s0", "s1", "s2", "s3", "s4"]
    assert api.get("/api/v1/statuses/", headers={"X-Sort-Key": "data"}).status_code == 400


@pytest.mark.usefixtures("statuses")
def test_a_page_is_part_of_the_list_and_knows_the_whole(api):
    """The count is that of the filter, not of the page."""
    answer = api.get("/api/v1/statuses/", headers={"X-Limit": "2", "X-Skip": "1"})

    assert ids(answer) == ["s3", "s2"]
    assert answer.json["count"] == 5


@pytest.mark.usefixtures("statuses")
@pytest.mark.parametrize("headers", [{}, {"X-Limit": "1000000"}])
def test_a_list_is_as_long_as_asked_and_read_page_by_page(api, monkeypatch, headers):
    """Without X-Limit it is the whole list; memory holds one page."""
    monkeypatch.setattr(limits, "page_items_max", 2)

    answer = api.get("/api/v1/statuses/", headers={**headers, "X-Skip": "1"})

    assert ids(answer) == ["s3", "s2", "s1", "s0"]
    assert answer.json["count"] == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Limit", "0"),
        ("X-Limit", "-1"),
        ("X-Limit", "many"),
        ("X-Skip", "-1"),
        ("X-Sort-Order", "up"),
    ],
)
def test_a_header_with_a_wrong_value_is_named(api, name, value):
    """Instead of being passed over in silence."""
    answer = api.get("/api/v1/statuses/", headers={name: value})

    assert (answer.status_code, answer.json["field"]) == (422, name)


@pytest.mark.usefixtures("statuses")
def test_a_filter_in_the_query_may_be_repeated(api):
    """Any of the values will do; a value is taken as it stands."""
    assert ids(api.get("/api/v1/statuses/?type=T0&type=T1")) == ["s1", "s0"]
    assert ids(api.get("/api/v1/statuses/?type=T0,T1")) == []
    assert ids(api.get("/api/v1/statuses/?source.name=b&session_id=one")) == ["s4", "s3"]


@pytest.mark.usefixtures("statuses")
def test_a_filter_in_a_body_may_hold_alternatives(api):
    """As JSON or as a form, a comma separates them; JSON may have a list."""
    for body in (
        {"json": {"type": "T0,T1"}},
        {"data": {"type": "T0,T1"}},
        {"json": {"type": ["T0", "T1"]}},
    ):
        assert ids(api.post("/api/v1/statuses/list", **body)) == ["s1", "s0"]
        assert api.post("/api/v1/statuses/count", **body).json == 2


@pytest.mark.parametrize("body", [[], ["type"], "type", 7])
def test_a_body_that_is_no_object_is_no_filter(api, body):
    """400, and what to send."""
    answer = api.post("/api/v1/statuses/list", json=body)

    assert answer.status_code == 400
    assert "JSON object" in answer.json["message"]
