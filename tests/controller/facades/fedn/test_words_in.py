"""FEDn's words in requests."""

import pytest

ATTRIBUTES = "/api/v1/attributes"


@pytest.fixture
def one_of_each(records):
    """A model, a client, a status, a validation and a prediction."""
    client = {"id": "x", "name": "a"}
    records.insert("clients", {**client, "preferred_combiner": "c1"})
    records.insert("models", {"id": "m", "parent_id": "m0"})
    source = {"kind": "client", **client}
    records.insert("statuses", {"id": "one", "log_level": "INFO", "task_id": "t", "source": source})
    of_combiner = {"kind": "combiner", "name": "c1", "id": ""}
    records.insert("statuses", {"id": "two", "log_level": "INFO", "source": of_combiner})
    sent = {"session_id": "s", "model_id": "m", "client": client, "combiner": "c1"}
    records.insert("validations", {"id": "v", "task_id": "t", **sent})
    records.insert("predictions", {"id": "p", "prediction_id": "asked", **sent})


def ids(answer):
    assert answer.status_code == 200, answer.json
    return [each["id"] for each in answer.json["result"]]


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.parametrize(
    ("name", "filters", "found"),
    [
        ("clients", {"combiner_preferred": "c1"}, ["x"]),
        ("models", {"model": "m", "parent_model": "m0"}, ["m"]),
        ("models", {"model": "other"}, []),
        ("statuses", {"logLevel": "INFO", "sender.name": "a"}, ["one"]),
        ("statuses", {"sender.role": "WORKER"}, ["one"]),
        ("statuses", {"sender.role": "COMBINER"}, ["two"]),
        ("statuses", {"sender.role": "OTHER"}, []),
        ("statuses", {"correlationId": "t"}, ["one"]),
        ("validations", {"sessionId": "s", "modelId": "m"}, ["v"]),
        ("validations", {"sessionId": "t"}, []),
        ("validations", {"correlation_id": "t", "sender.role": "WORKER"}, ["v"]),
        ("validations", {"sender.role": "COMBINER"}, []),
        ("validations", {"receiver.name": "c1", "receiver.role": "COMBINER"}, ["v"]),
        ("validations", {"receiver.role": "WORKER"}, []),
        ("predictions", {"correlation_id": "asked", "sender.name": "a"}, ["p"]),
        ("predictions", {"prediction_id": "asked", "client.name": "a"}, ["p"]),
    ],
)
def test_a_filter_may_have_fedns_name_or_ours(api, name, filters, found):
    """In a query, as JSON and as a form."""
    assert ids(api.get(f"/api/v1/{name}/", query_string=filters)) == found
    assert ids(api.post(f"/api/v1/{name}/list", json=filters)) == found
    assert ids(api.post(f"/api/v1/{name}/list", data=filters)) == found
    assert api.get(f"/api/v1/{name}/count", query_string=filters).json == len(found)


@pytest.mark.usefixtures("one_of_each")
def test_alternatives_are_translated_one_by_one(api):
    """A body separates them by commas or has a list; a query repeats them."""
    both = ["two", "one"]

    listed = "/api/v1/statuses/list"
    assert ids(api.post(listed, json={"sender.role": "WORKER,COMBINER"})) == both
    assert ids(api.post(listed, json={"sender.role": ["WORKER", "COMBINER"]})) == both
    assert ids(api.get("/api/v1/statuses/?sender.role=WORKER&sender.role=COMBINER")) == both


@pytest.mark.usefixtures("one_of_each")
def test_a_list_is_sorted_by_fedns_name_of_a_field(api):
    """The combiner's name comes after the client's."""
    headers = {"X-Sort-Key": "sender.name"}

    assert ids(api.get("/api/v1/statuses/", headers=headers)) == ["two", "one"]


@pytest.mark.parametrize("value", [{"$ne": 1}, 7, [7]])
def test_a_role_is_a_text(api, value):
    """Nothing of a query reaches the store as an operator."""
    answer = api.post("/api/v1/statuses/list", json={"sender.role": value})

    assert answer.status_code == 422


def test_a_report_names_its_sender(api, records):
    """FEDn's client sends one, and reads it again."""
    client_id = records.insert("clients", {"name": "a"})["id"]
    sender = {"name": "a", "role": "WORKER", "client_id": client_id}

    kept = api.post(f"{ATTRIBUTES}/", json={"key": "k", "value": "v", "sender": sender})

    assert (kept.status_code, kept.json["sender"]) == (201, sender)
    assert kept.json["source"] == {"kind": "client", "name": "a", "id": client_id}
    assert ids(api.get(f"{ATTRIBUTES}/?sender.client_id={client_id}")) == [kept.json["id"]]
    assert api.get("/api/v1/clients/a/attributes").json == {"k": "v"}


@pytest.mark.parametrize("sender", [{"x": 1}, 7, {"role": 7}])
def test_a_sender_that_is_none_is_refused(api, sender):
    """422."""
    answer = api.post(f"{ATTRIBUTES}/", json={"key": "k", "value": "v", "sender": sender})

    assert answer.status_code == 422
