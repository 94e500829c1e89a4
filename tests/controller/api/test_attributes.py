"""Attributes: what is true of clients now."""

import pytest

ATTRIBUTES = "/api/v1/attributes"


@pytest.fixture
def client_id(records):
    """A client that is registered."""
    return records.insert("clients", {"name": "a"})["id"]


def charging(value, **source):
    return {"key": "charging", "value": value, "source": source}


def test_an_attribute_is_kept_with_its_time(api, client_id):
    """And listed by its key and by whom it is about."""
    kept = api.post(f"{ATTRIBUTES}/", json=charging("true", id=client_id))

    assert kept.status_code == 201
    assert kept.json["timestamp"].endswith("Z")
    assert api.get(f"{ATTRIBUTES}/{kept.json['id']}").json == kept.json
    assert api.get(f"{ATTRIBUTES}/?key=charging&source.id={client_id}").json["count"] == 1
    assert api.get(f"{ATTRIBUTES}/?key=other").json["count"] == 0


def test_the_newest_value_is_the_current_one(api, client_id):
    """Whether the client was named by its id or by its name."""
    for value, source in (("true", client_id), ("false", "a")):
        api.post(f"{ATTRIBUTES}/", json=charging(value, id=source))
    api.post(f"{ATTRIBUTES}/", json={**charging("x", id="other"), "key": "k"})

    current = api.post(f"{ATTRIBUTES}/current", json={"client_ids": [client_id, "nobody"]})

    assert current.json[client_id] == {"charging": "false"}
    assert "nobody" in current.json["nobody"]
    assert api.get("/api/v1/clients/a/attributes").json == {"charging": "false"}


@pytest.mark.parametrize(
    ("route", "body", "field"),
    [
        ("", {"key": "k"}, "value"),
        ("", {"key": "", "value": "v"}, "key"),
        ("", {"key": "k", "value": "v", "source": {"x": 1}}, "source.x"),
        ("current", {}, "client_ids"),
        ("current", {"client_ids": []}, "client_ids"),
    ],
)
def test_what_is_wrong_is_named(api, route, body, field):
    """422, with the field."""
    answer = api.post(f"{ATTRIBUTES}/{route}", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, field)
