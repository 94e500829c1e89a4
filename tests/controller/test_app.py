"""The gate and the refusals, which are the same on every route."""

import logging

import pytest

from fednet import limits
from fednet.contract import Principal, Role

OWN = {
    Role.CLIENT: (
        "/add_client",
        "/api/v1/clients/add",
        "/api/v1/clients/register",
        "/api/v1/packages/checksum",
        "/api/v1/packages/download",
        "/download_package",
        "/get_package_checksum",
    ),
    Role.COMBINER: (
        "/add_combiner",
        "/api/v1/blobs/",
        "/api/v1/blobs/<path:name>",
        "/api/v1/combiners/register",
    ),
    Role.CONTROLLER: ("/api/v1/feed",),
}
OPEN = ("/health", "/openapi.json", "/docs", "/docs/swagger", "/docs/swagger/x")


def routes(app):
    """Every method and path of the app that needs a token, with something in place of each parameter."""
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<string:id>", "x").replace("<path:filename>", "x")
        if path not in OPEN:
            yield from ((method, path) for method in rule.methods - {"HEAD", "OPTIONS"})


def test_without_a_token_nothing_is_answered_but_health_and_the_description(app, anybody):
    """Every other route, known or not, asks first who calls; the body is not even looked at."""
    asked = list(routes(app))

    answers = [anybody.open(path, method=method, data=b"{") for method, path in asked]

    assert len(answers) > 40
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json["code"] for answer in answers} == {"unauthenticated"}
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert anybody.get("/nope").status_code == 401
    assert anybody.get("/health").json == {"status": "ok"}
    assert anybody.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("role", [Role.CLIENT, Role.COMBINER, Role.CONTROLLER])
def test_only_an_admin_gets_further(app, client_with, role):
    """Clients and combiners may register themselves, and fetch what is theirs."""
    client = client_with(Principal.of(role, "id", "name"))
    asked = [each for each in routes(app) if each[1] not in OWN.get(role, ())]

    answers = [client.open(path, method=method, data=b"{") for method, path in asked]

    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json["code"] for answer in answers} == {"permission_denied"}


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

    assert len(list(routes(first))) == len(list(routes(second)))
