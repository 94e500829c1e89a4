"""Starting and watching a session over REST."""

import time

import pytest

from fednet import limits

SESSIONS = "/api/v1/sessions"
SECONDS = limits.wait_seconds_max


def test_a_session_is_started(api):
    """201, with its id and its configuration."""
    answer = api.post(f"{SESSIONS}/", json={"session_id": "one", "rounds": 3})

    assert answer.status_code == 201
    assert answer.json["success"] is True
    assert answer.json["session_id"] == "one"
    assert answer.json["config"]["rounds"] == 3


def test_a_session_names_the_principal_who_started_it(api, admin):
    """Kind, id and name, as they were then."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})

    assert api.get(f"{SESSIONS}/one").json["created_by"] == admin.reference


def test_a_session_may_be_started_with_fedns_names(api):
    """`id` and `validate`, as its APIClient calls them."""
    answer = api.post(f"{SESSIONS}/", json={"id": "one", "validate": False})

    assert answer.json["config"]["validate_models"] is False
    assert answer.json["session_id"] == "one"


def test_a_start_may_be_repeated_but_not_changed(api):
    """The same id with other options is a conflict."""
    options = {"session_id": "one", "rounds": 3}
    first = api.post(f"{SESSIONS}/", json=options)

    again = api.post(f"{SESSIONS}/", json=options)
    other = api.post(f"{SESSIONS}/", json={**options, "rounds": 4})

    assert again.json == first.json
    assert (other.status_code, other.json["code"]) == (409, "already_exists")
    assert api.get(f"{SESSIONS}/count").json == 1


def test_an_unknown_option_is_named(api):
    """A typing error does not pass as a default."""
    answer = api.post(f"{SESSIONS}/", json={"round": 3})

    assert (answer.status_code, answer.json["field"]) == (422, "round")


def test_the_engines_own_state_is_not_shown(api):
    """In no list and in no object."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})

    shown = [
        api.get(f"{SESSIONS}/one").json,
        api.get(f"{SESSIONS}/one?after_version=0").json,
        *api.get(f"{SESSIONS}/").json["result"],
        *api.post(f"{SESSIONS}/list", json={"status": "INITIALIZED"}).json["result"],
    ]

    assert len(shown) == 4
    assert all("state" not in session for session in shown)


def test_an_unknown_session_is_not_found(api):
    """404, in JSON, whether one waits or not."""
    assert api.get(f"{SESSIONS}/nope").json["code"] == "not_found"
    assert api.get(f"{SESSIONS}/nope?after_version=0&wait_seconds=1").status_code == 404


def test_a_wait_ends_with_the_change(api, sessions):
    """Before its seconds are over."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})
    changing = sessions.change_when_awaited("one", {"status": "STARTED"})

    begun = time.monotonic()
    answer = api.get(f"{SESSIONS}/one?after_version=1&wait_seconds={SECONDS:g}")

    assert (answer.json["status"], answer.json["version"]) == ("STARTED", 2)
    assert time.monotonic() - begun < SECONDS
    changing.join()


def test_a_wait_that_has_its_change_already_ends_at_once(api):
    """The version that the caller knows is an old one."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})

    begun = time.monotonic()
    answer = api.get(f"{SESSIONS}/one?after_version=0&wait_seconds={SECONDS:g}")

    assert answer.json["version"] == 1
    assert time.monotonic() - begun < SECONDS


def test_a_wait_is_answered_where_an_earlier_version_was_restored(api):
    """The caller knows a version that is gone."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})

    answer = api.get(f"{SESSIONS}/one?after_version=7&wait_seconds={SECONDS:g}")

    assert answer.json["version"] == 1


def test_a_wait_is_bounded(api):
    """Seconds that are too many, or none, are refused with the field."""
    for seconds in (limits.wait_seconds_max + 1, -1, "inf", "nan", "x"):
        answer = api.get(f"{SESSIONS}/x?after_version=0&wait_seconds={seconds}")

        assert (answer.status_code, answer.json["field"]) == (422, "wait_seconds")


def test_where_all_places_to_wait_are_taken_the_answer_comes_at_once(api, feed, monkeypatch):
    """There is a limit on everything."""
    monkeypatch.setattr(feed._listeners, "_count_max", 0)
    api.post(f"{SESSIONS}/", json={"session_id": "one"})

    begun = time.monotonic()
    answer = api.get(f"{SESSIONS}/one?after_version=1&wait_seconds={SECONDS:g}")

    assert answer.json["version"] == 1
    assert time.monotonic() - begun < SECONDS


def test_a_place_to_wait_is_given_back(api, feed):
    """When the answer comes, and when the session is not found."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})

    api.get(f"{SESSIONS}/nope?after_version=0&wait_seconds=0.01")
    api.get(f"{SESSIONS}/one?after_version=0&wait_seconds=0.01")
    api.get(f"{SESSIONS}/one?after_version=1&wait_seconds=0.01")

    assert feed.listeners == 0


@pytest.fixture
def running(api, sessions):
    """A session that is under way, as it is shown."""
    api.post(f"{SESSIONS}/", json={"session_id": "one", "rounds": 3})
    sessions.change("one", status="STARTED")
    return api.get(f"{SESSIONS}/one").json


@pytest.mark.usefixtures("running")
def test_a_session_is_steered(api):
    """Each answer is the session as it is then."""
    steps = [api.post(f"{SESSIONS}/one/{how}") for how in ("pause", "resume", "stop")]

    assert [each.status_code for each in steps] == [200, 200, 200]
    assert [each.json["status"] for each in steps] == ["PAUSED", "STARTED", "TERMINATED"]
    assert all("state" not in each.json for each in steps)


def test_what_a_session_cannot_do_now_is_refused(api, running):
    """409, with its status, and nothing has changed."""
    refused = api.post(f"{SESSIONS}/one/resume")

    assert (refused.status_code, refused.json["code"]) == (409, "failed_precondition")
    assert "STARTED" in refused.json["message"]
    assert api.get(f"{SESSIONS}/one").json == running


@pytest.mark.parametrize("how", ["stop", "pause", "resume", "continue"])
def test_a_session_that_is_not_there_cannot_be_steered(api, how):
    """404, in JSON."""
    answer = api.post(f"{SESSIONS}/nope/{how}", json={"rounds": 1})

    assert (answer.status_code, answer.json["code"]) == (404, "not_found")


def test_a_session_gets_more_rounds(api, sessions, running):
    """So many as are asked for."""
    sessions.change("one", status="FINISHED")

    answer = api.post(f"{SESSIONS}/one/continue", json={"rounds": 2})

    assert answer.status_code == 200
    assert answer.json["rounds_total"] == running["rounds_total"] + 2


@pytest.mark.usefixtures("running")
def test_more_rounds_with_their_total_are_added_once(api, sessions):
    """However often the call is sent; a total that others have passed is a conflict."""
    sessions.change("one", status="FINISHED")
    asked = {"rounds": 2, "rounds_total": 5}

    answers = [api.post(f"{SESSIONS}/one/continue", json=asked) for _ in range(2)]
    other = api.post(f"{SESSIONS}/one/continue", json={"rounds": 2, "rounds_total": 6})

    assert [each.json["rounds_total"] for each in answers] == [5, 5]
    assert (other.status_code, other.json["field"]) == (409, "rounds_total")


@pytest.mark.parametrize("body", [{}, {"rounds": 0}, {"rounds": limits.session_rounds_max + 1}])
def test_rounds_to_add_are_checked(api, body):
    """The field is named."""
    answer = api.post(f"{SESSIONS}/one/continue", json=body)

    assert (answer.status_code, answer.json["field"]) == (422, "rounds")


@pytest.mark.usefixtures("running")
def test_a_wait_for_the_end_passes_over_changes(api, sessions):
    """The answer comes with the final status."""
    changes = [{"round_number": 1}, {"round_number": 2}, {"status": "FINISHED"}]
    changing = sessions.change_when_awaited("one", *changes)

    answer = api.get(f"{SESSIONS}/one?wait_for=end&wait_seconds={SECONDS:g}")

    assert (answer.json["status"], answer.json["round_number"]) == ("FINISHED", 2)
    changing.join()


def test_a_wait_for_the_end_is_bounded(api, running):
    """Then the session is answered as it is."""
    answer = api.get(f"{SESSIONS}/one?wait_for=end&wait_seconds=0.05")

    assert answer.json == running


def test_there_is_nothing_else_to_wait_for(api):
    """422, with the field."""
    answer = api.get(f"{SESSIONS}/one?wait_for=ever")

    assert (answer.status_code, answer.json["field"]) == (422, "wait_for")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.usefixtures("running")
def test_a_session_that_has_ended_is_given_another_name(api, sessions, method):
    """While it runs nobody but its engine writes to it; what was agreed stays as it is."""
    early = api.open(f"{SESSIONS}/one", method=method, json={"name": "best"})
    sessions.change("one", status="FINISHED")
    renamed = api.open(f"{SESSIONS}/one", method=method, json={"name": "best"})
    forged = api.open(f"{SESSIONS}/one", method=method, json={"name": "x", "status": "STARTED"})

    assert (early.status_code, early.json["code"]) == (409, "failed_precondition")
    assert renamed.json["name"] == "best"
    assert (forged.status_code, forged.json["field"]) == (422, "status")
