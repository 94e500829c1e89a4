"""The audit log over REST: what is told of each request."""

import pytest

from fednet.audit import AuditHead, verified_audit
from fednet.contract import Principal, Role
from fednet.errors import Unavailable

AUDIT, SESSIONS = "/api/v1/audit", "/api/v1/sessions/"
PASSWORD = "correct horse battery"


@pytest.fixture
def entries(api, auditor):
    """Read the log, once all is stored that was handed over."""

    def entries(**filters):
        auditor.logged_in(Principal.of(Role.ADMIN, "id", "mark"), "mark", "")
        found = api.get(AUDIT, query_string=filters).json["entries"]
        return [entry for entry in found if entry["route"] != "mark"]

    return entries


def told(entry):
    return (
        entry["who"]["name"],
        entry["what"],
        entry["on"]["kind"],
        entry["on"]["id"],
        entry["outcome"],
    )


def test_a_change_has_a_beginning_and_an_end(api, entries):
    """Who, what, on what, from where; the end names the beginning and the new id."""
    api.post(SESSIONS, json={"session_id": "one"})

    begun, ended = entries()

    assert told(begun) == ("admin", "sessions:write", "sessions", "", "begun")
    assert told(ended) == ("admin", "sessions:write", "sessions", "one", "ok")
    assert (ended["of"], ended["address"]) == (begun["number"], "127.0.0.1")
    assert begun["route"] == "POST /api/v1/sessions/"


def test_a_change_that_fails_says_why(api, entries):
    """With the code of the answer."""
    api.post(f"{SESSIONS}nope/stop")

    _, ended = entries()

    assert (ended["outcome"], ended["code"], ended["on"]["id"]) == ("failed", "not_found", "nope")


def test_the_beginning_is_stored_before_the_command_runs(api, services, auditor, monkeypatch):
    """So a process that is killed in the command has left its entry."""
    seen = []
    start = services.sessions.start

    def look(*arguments):
        seen.append(auditor.log.head().number)
        return start(*arguments)

    monkeypatch.setattr(services.sessions, "start", look)
    api.post(SESSIONS, json={"session_id": "one"})

    assert seen == [1]


def test_what_cannot_be_told_is_not_done(api, auditor, records, monkeypatch):
    """503, and nothing has changed."""

    def refuse(_):
        raise Unavailable("The audit log cannot be written.")

    monkeypatch.setattr(auditor.log, "append", refuse)

    answer = api.post(SESSIONS, json={"session_id": "one"})

    assert answer.status_code == 503
    assert records.count("sessions") == 0


def test_reads_are_not_told(api, entries):
    """Neither lists, nor lists by POST."""
    api.get(SESSIONS)
    api.post(f"{SESSIONS}list", json={})
    api.get("/list_models")

    assert entries() == []


def test_refusals_are_told(anybody, client_with, entries):
    """401 without a name, 403 with the principal; a flood as a count."""
    viewer = client_with(Principal.of(Role.VIEWER, "v", "vera"))
    for _ in range(5):
        anybody.get(SESSIONS)
        viewer.post(SESSIONS, json={})

    found = entries()

    assert [(each["who"]["name"], each["code"], each["what"]) for each in found] == [
        ("", "unauthenticated", "sessions:read"),
        ("vera", "permission_denied", "sessions:write"),
    ]
    assert {each["outcome"] for each in found} == {"refused"}


def test_logins_are_told(api, anybody, entries):
    """Those that succeed, with the user; those that fail, with the name that was given."""
    api.post("/api/v1/users/", json={"name": "ada", "role": "viewer", "password": PASSWORD})
    anybody.post("/api/v1/auth/login", json={"name": "ada", "password": "wrong"})
    anybody.post("/api/v1/auth/login", json={"name": "ada", "password": PASSWORD})

    found = entries(what="auth:login")

    assert [(each["who"]["name"], each["outcome"]) for each in found] == [
        ("ada", "refused"),
        ("ada", "ok"),
    ]
    assert PASSWORD not in str(entries())


def test_the_log_is_filtered_and_paged(api, client_with, entries):
    """By who, what and since; a page says where to go on."""
    scientist = client_with(Principal.of(Role.SCIENTIST, "s", "sam"))
    scientist.post(SESSIONS, json={"session_id": "one"})
    api.post(SESSIONS, json={"session_id": "two"})

    assert {each["who"]["id"] for each in entries(who="sam")} == {"s"}
    assert len(entries(what="sessions:write")) == 4
    assert entries(what="models:write") == []
    assert entries(since="2999-01-01") == []
    first = api.get(AUDIT, query_string={"limit": 1}).json
    second = api.get(AUDIT, query_string={"limit": 1, "after": first["next"]}).json
    assert [first["entries"][0]["number"], second["entries"][0]["number"]] == [1, 2]


def test_the_log_over_rest_can_be_verified(api, entries):
    """With the head that it shows."""
    for number in range(3):
        api.post(SESSIONS, json={"session_id": str(number)})
    entries()

    answer = api.get(AUDIT).json

    assert verified_audit(answer["entries"]).head == AuditHead(**answer["head"])


@pytest.mark.parametrize(("asked", "field"), [("after=-1", "after"), ("limit=0", "limit"),
                                              ("since=yesterday", "since")])  # fmt: skip
def test_what_is_asked_wrongly_is_named(api, asked, field):
    """With the field."""
    answer = api.get(f"{AUDIT}?{asked}")

    assert (answer.status_code, answer.json["field"]) == (422, field)
