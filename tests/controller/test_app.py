"""The refusals, which are the same on every route."""

import logging

import pytest

from fednet import limits


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer abc", "abc"])
def test_what_is_no_token_is_refused(anybody, header):
    """With a reason."""
    answer = anybody.get("/api/v1/clients/", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.json["message"]


def test_an_unknown_route_is_not_found(api):
    """In JSON."""
    answer = api.get("/api/v2/clients/")

    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_a_wrong_method_is_named(api):
    """With those that there are."""
    answer = api.delete("/api/v1/clients/")

    assert (answer.status_code, answer.json["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_a_bad_request(api, body):
    """The message says what to send."""
    answer = api.post("/api/v1/sessions/", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert "JSON object" in answer.json["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"rounds": 1, "rounds": 2}', "twice"),
        ('{"name": ' + "[" * 500 + "]" * 500 + "}", "levels deep"),
        ('{"rounds": ' + "1" * 4000 + "}", "64 bits"),
        ('{"name": "\\ud800"}', "surrogate"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/api/v1/sessions/", "/api/v1/statuses/list", "/api/v1/auth/login", "/start_session"]
)
def test_a_body_that_nobody_should_send_is_a_bad_request(api, path, body, words):
    """The message says what is wrong with it; the same on every route."""
    answer = api.post(path, data=body, content_type="application/json")

    assert answer.status_code == 400
    assert words in answer.json["message"]


def test_a_body_of_another_kind_is_a_bad_request(api):
    """JSON must be called so."""
    answer = api.post("/api/v1/sessions/", data=b"{}", content_type="text/plain")

    assert answer.status_code == 400


def test_a_wrong_value_is_named(api):
    """422, with the field."""
    answer = api.post("/api/v1/sessions/", json={"rounds": 0})

    assert (answer.status_code, answer.json["field"]) == (422, "rounds")
    assert answer.json["code"] == "invalid_input"


def test_a_body_that_is_too_large_is_refused(api):
    """Only uploads may be large."""
    name = "x" * (limits.json_bytes_max + 1)

    answer = api.post("/api/v1/clients/register", json={"name": name, "needs_package": False})

    assert answer.status_code == 413


def test_a_fault_tells_nothing_but_where_to_look(api, caplog, services, monkeypatch):
    """The log has the traceback under the id that the caller was told."""

    def fail(*_):
        raise RuntimeError("password=secret")

    monkeypatch.setattr(services.sessions, "start", fail)

    with caplog.at_level(logging.ERROR):
        answer = api.post("/api/v1/sessions/", json={})

    assert (answer.status_code, answer.json["code"]) == (500, "internal")
    assert "secret" not in answer.text
    incident = answer.json["message"].rsplit(" ", 1)[1].rstrip(".")
    assert incident in caplog.text
    assert "password=secret" in caplog.text


def test_health_tells_when_a_store_does_not_answer(anybody, records, monkeypatch):
    """503, with the part that is to blame."""
    monkeypatch.setattr(type(records.documents), "is_ready", lambda _: False)

    answer = anybody.get("/health")

    assert answer.status_code == 503
    assert "state store" in answer.json["message"]


def test_two_apps_stand_beside_each_other(services):
    """Nothing is shared between them."""
    from fednet.controller.app import create_app

    first, second = create_app(services), create_app(services)

    assert first.url_map is not second.url_map
    assert first.view_functions.keys() == second.view_functions.keys()
