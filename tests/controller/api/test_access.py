"""The gate before the views: every route with every role, and with tokens that are worth nothing."""

import re

import pytest
from bad_tokens import bad_tokens
from flask import jsonify

from fednet.contract import (
    OPEN,
    PERMISSIONS,
    Permission,
    Principal,
    Role,
    permission_of,
)
from fednet.identity import Claims

OPEN_PATHS = {
    "/api/v1/auth/login",
    "/docs",
    "/docs/oauth2-redirect.html",
    "/docs/swagger",
    "/docs/swagger/x",
    "/health",
    "/health/live",
    "/health/ready",
    "/openapi.json",
}


def routes(app):
    """Every method, path and permission of the app, with something in place of each parameter."""
    for rule in app.url_map.iter_rules():
        path = re.sub("<[^>]+>", "x", rule.rule)
        permission = permission_of(app.view_functions[rule.endpoint])
        yield from ((method, path, permission) for method in rule.methods - {"HEAD", "OPTIONS"})


def closed_routes(app):
    """Those that need a token."""
    return [each for each in routes(app) if each[2] is not OPEN]


def test_every_route_states_its_permission(app):
    """A view is closed until it says who may use it, and few are open to all."""
    stated = list(routes(app))

    assert len(stated) > 100
    assert [each for each in stated if each[2] is None] == []
    assert {path for _, path, permission in stated if permission is OPEN} == OPEN_PATHS


def test_every_route_of_the_document_is_walked(app):
    """The OpenAPI document names no path that these tests leave out."""
    walked = {(method.lower(), path) for method, path, _ in routes(app)}
    described = {
        (method, re.sub(r"{[^}]+}", "x", path))
        for path, operations in app.api_doc["paths"].items()
        for method in operations
    }

    assert described
    assert described <= walked


@pytest.mark.parametrize("role", Role)
def test_a_role_is_let_through_by_its_permissions_only(app, client_with, role):
    """403 names role and permission; with the permission the view answers, if only that the request is wrong."""
    client = client_with(Principal.of(role, "id", "name"))

    answers = {
        (method, path): client.open(path, method=method, data=b"{", buffered=True)
        for method, path, _ in closed_routes(app)
    }

    refused = {each for each, answer in answers.items() if answer.status_code == 403}
    assert refused >= {
        (method, path)
        for method, path, permission in closed_routes(app)
        if permission not in PERMISSIONS[role]
    }
    for method, path, permission in closed_routes(app):
        lacks = "lacks the permission" in answers[method, path].text
        assert lacks is (permission not in PERMISSIONS[role]), (method, path)
        if lacks:
            assert f"'{role}'" in answers[method, path].json["message"]
            assert f"'{permission}'" in answers[method, path].json["message"]
    assert {answer.status_code for answer in answers.values()} & {401, 500} == set()


def test_without_a_token_nothing_is_answered_but_what_is_open(app, anybody):
    """Every other route, known or not, asks first who calls; the body is not even looked at."""
    answers = [
        anybody.open(path, method=method, data=b"{", buffered=True)
        for method, path, _ in closed_routes(app)
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json["code"] for answer in answers} == {"unauthenticated"}
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert anybody.get("/nope").status_code == 401
    assert anybody.get("/health").json == {"status": "ok"}
    assert anybody.get("/openapi.json").status_code == 200


@pytest.mark.parametrize("role", Role)
def test_a_worthless_token_opens_no_route(app, anybody, signer, role):
    """An expired, a foreign, a tampered, an unsigned and a cut one are refused on every route."""
    for wrong, token in bad_tokens(signer, role).items():
        for method, path, _ in closed_routes(app):
            answer = anybody.open(path, method=method, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, (wrong, method, path)


@pytest.mark.parametrize("role", Role)
def test_a_revoked_token_opens_no_route(app, anybody, signer, tokens, role):
    """Neither one that was revoked itself, nor one that was derived from it."""
    principal = Principal.of(role, "id", "name")
    parent = Claims.of(principal)
    child = Claims.of(principal, parent=parent.id)
    tokens.revoke(parent.id)

    for claims in (parent, child):
        headers = {"Authorization": f"Bearer {signer.sign_claims(claims)}"}
        for method, path, _ in closed_routes(app):
            answer = anybody.open(path, method=method, headers=headers)
            assert answer.status_code == 401, (method, path)


def test_a_view_that_states_no_permission_is_closed(app, api):
    """Not even an admin gets an answer: what somebody forgot to say is not open."""
    app.add_url_rule("/forgotten", view_func=lambda: jsonify("secret"))

    answer = api.get("/forgotten")

    assert (answer.status_code, answer.json["code"]) == (403, "permission_denied")


def test_an_unknown_route_is_not_found_with_any_token(client_with):
    """There is nothing to protect, and a client is told the truth."""
    client = client_with(Principal.of(Role.CLIENT, "id", "name"))

    assert client.get("/api/v1/nope").status_code == 404


@pytest.mark.parametrize(
    ("role", "method", "path", "is_allowed"),
    [
        (Role.OPERATOR, "DELETE", "/api/v1/clients/x", True),
        (Role.OPERATOR, "GET", "/api/v1/sessions/", True),
        (Role.OPERATOR, "GET", "/api/v1/models/", False),
        (Role.OPERATOR, "GET", "/api/v1/packages/", False),
        (Role.OPERATOR, "GET", "/api/v1/validations/", False),
        (Role.OPERATOR, "GET", "/api/v1/rounds/x/answers/", False),
        (Role.OPERATOR, "POST", "/api/v1/sessions/", False),
        (Role.SCIENTIST, "POST", "/api/v1/sessions/", True),
        (Role.SCIENTIST, "POST", "/api/v1/models/", True),
        (Role.SCIENTIST, "DELETE", "/api/v1/clients/x", False),
        (Role.VIEWER, "GET", "/api/v1/models/", True),
        (Role.VIEWER, "GET", "/list_models", True),
        (Role.VIEWER, "POST", "/api/v1/sessions/x/stop", False),
        (Role.CLIENT, "GET", "/api/v1/packages/download", True),
        (Role.CLIENT, "GET", "/api/v1/packages/", False),
        (Role.COMBINER, "GET", "/api/v1/models/", False),
        (Role.CONTROLLER, "GET", "/api/v1/feed", True),
        (Role.CONTROLLER, "GET", "/api/v1/clients/", False),
    ],
)
def test_the_roles_mean_what_they_say(client_with, role, method, path, is_allowed):
    """Operators see no data, viewers change nothing, agents do their own work only."""
    answer = client_with(Principal.of(role, "id", "name")).open(
        path, method=method, data=b"{", buffered=True
    )

    assert ("lacks the permission" not in answer.text) is is_allowed


@pytest.mark.parametrize("permission", [Permission.TASKS_WORK, Permission.ROUNDS_ORDER])
def test_no_user_has_the_permissions_of_agents(permission):
    """Not even an admin speaks to combiners."""
    owners = {role for role in Role if permission in PERMISSIONS[role]}

    assert owners in ({Role.CLIENT}, {Role.CONTROLLER})
