"""Users over REST: accounts, logging in and out."""

import logging

import pytest

from fednet.contract import Principal, Role

USERS, LOGIN, LOGOUT = "/api/v1/users/", "/api/v1/auth/login", "/api/v1/auth/logout"
PASSWORD = "correct horse battery"


@pytest.fixture
def ada(api):
    """A viewer who was created over REST."""
    answer = api.post(USERS, json={"name": "ada", "role": "viewer", "password": PASSWORD})
    assert answer.status_code == 201
    return answer.json


@pytest.fixture
def log_in(anybody, app):
    """Log a user in; return a test client with the token."""

    def log_in(name="ada", password=PASSWORD):
        answer = anybody.post(LOGIN, json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {answer.json['token']}"
        return client

    return log_in


def test_a_user_is_created_and_listed_without_secrets(api, ada):
    """Neither the password nor its hash is ever shown."""
    assert (ada["name"], ada["role"], ada["is_disabled"]) == ("ada", "viewer", False)
    for answer in (api.get(USERS), api.get(f"{USERS}ada"), api.get(f"{USERS}?role=viewer")):
        assert "ada" in answer.text
        assert "argon2" not in answer.text
        assert "login_id" not in answer.text


@pytest.mark.usefixtures("ada")
def test_a_user_works_in_the_role_of_the_account(api, log_in):
    """Until an admin gives another one."""
    user = log_in()
    assert user.get("/api/v1/models/").status_code == 200
    assert user.put("/api/v1/helpers/active", json={"helper": "numpyhelper"}).status_code == 403

    api.patch(f"{USERS}ada", json={"role": "scientist"})

    assert user.put("/api/v1/helpers/active", json={"helper": "numpyhelper"}).status_code == 200


@pytest.mark.usefixtures("ada")
def test_a_disabled_user_is_refused_at_once(api, log_in, anybody):
    """Also with the right password."""
    user = log_in()

    assert api.patch(f"{USERS}ada", json={"is_disabled": True}).json["is_disabled"] is True

    assert user.get("/api/v1/models/").status_code == 401
    refused = anybody.post(LOGIN, json={"name": "ada", "password": PASSWORD})
    assert (refused.status_code, refused.json["code"]) == (401, "unauthenticated")


@pytest.mark.usefixtures("ada")
def test_logging_out_ends_the_token(log_in):
    """The next call is refused."""
    user = log_in()

    assert user.post(LOGOUT).status_code == 200

    assert user.post(LOGOUT).status_code == 401


@pytest.mark.usefixtures("ada")
def test_a_login_says_how_long_it_lasts(anybody):
    """By default 90 days, and no longer."""
    asked = {"name": "ada", "password": PASSWORD}

    answer = anybody.post(LOGIN, json={**asked, "seconds": 3600})
    too_long = anybody.post(LOGIN, json={**asked, "seconds": 91 * 24 * 3600})

    assert answer.json["expires_at"].endswith("Z")
    assert (answer.json["name"], answer.json["role"]) == ("ada", "viewer")
    assert (too_long.status_code, too_long.json["field"]) == (422, "seconds")


@pytest.mark.usefixtures("ada")
def test_many_wrong_passwords_are_throttled(anybody):
    """429, with the time to wait."""
    codes = [
        anybody.post(LOGIN, json={"name": "ada", "password": "wrong"}).status_code
        for _ in range(11)
    ]

    assert codes == [401] * 10 + [429]


def test_a_password_is_in_no_log_and_no_answer(api, anybody, caplog):
    """Whatever is wrong with the request."""
    secret = "a very secret password"
    with caplog.at_level(logging.DEBUG):
        answers = [
            api.post(USERS, json={"name": "a b", "role": "viewer", "password": secret}),
            api.post(USERS, json={"name": "a", "role": "x", "password": secret}),
            api.post(USERS, json={"name": "a", "role": "viewer", "password": [secret]}),
            anybody.post(LOGIN, json={"name": "a", "password": secret * 20}),
            anybody.post(LOGIN, json={"name": "a", "password": secret}),
        ]

    assert {answer.status_code for answer in answers} == {400, 401, 422}
    assert secret not in "".join(answer.text for answer in answers) + caplog.text


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.SCIENTIST, Role.VIEWER])
@pytest.mark.usefixtures("ada")
def test_only_an_admin_changes_users(client_with, role):
    """An operator sees them: nobody gives rights to themselves."""
    client = client_with(Principal.of(role, "id", "name"))

    assert client.patch(f"{USERS}ada", json={"role": "admin"}).status_code == 403
    assert client.get(USERS).status_code == (200 if role is Role.OPERATOR else 403)


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("more", [{"role": "scientist"}, {"is_disabled": True}])
def test_a_change_that_is_refused_changes_nothing(api, more):
    """Its other fields may be right."""
    before = api.get(f"{USERS}ada").json

    answer = api.patch(f"{USERS}ada", json={**more, "password": "short"})

    assert (answer.status_code, answer.json["field"]) == (400, "password")
    assert api.get(f"{USERS}ada").json == before


NEW = {"password": PASSWORD, "new_password": "another long password"}


@pytest.mark.usefixtures("ada")
def test_a_user_changes_the_own_password(log_in, anybody):
    """All tokens of the user end, also the one that asked."""
    client = log_in()

    assert client.post("/api/v1/auth/password", json=NEW).status_code == 200

    assert client.get("/api/v1/models/").status_code == 401
    refused = anybody.post(LOGIN, json={"name": "ada", "password": PASSWORD})
    assert refused.status_code == 401
    log_in(password=NEW["new_password"])


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({**NEW, "password": "a wrong password"}, 401),
        ({**NEW, "new_password": "short"}, 422),
    ],
)
def test_a_password_that_cannot_be_changed_stays(log_in, change, status):
    """The user goes on with the same token."""
    client = log_in()

    assert client.post("/api/v1/auth/password", json=change).status_code == status

    assert client.get("/api/v1/models/").status_code == 200


def test_the_first_admin_has_no_password_to_change(api):
    """Its token belongs to no account."""
    answer = api.post("/api/v1/auth/password", json=NEW)

    assert (answer.status_code, answer.json["field"]) == (409, "token")
