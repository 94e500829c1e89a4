"""Starting and watching a session over REST."""

import threading
import time

from fednet import limits

SESSIONS = "/api/v1/sessions"


def test_a_session_is_started(api):
    """201, with its id and its configuration."""
    answer = api.post(f"{SESSIONS}/", json={"session_id": "one", "rounds": 3})

    assert answer.status_code == 201
    assert answer.json["success"] is True
    assert answer.json["session_id"] == "one"
    assert answer.json["config"]["rounds"] == 3


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
    """Long before its seconds are over."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})
    change = threading.Timer(0.1, sessions.change, ["one"], {"status": "STARTED"})

    change.start()
    begun = time.monotonic()
    answer = api.get(f"{SESSIONS}/one?after_version=1&wait_seconds=20")

    assert (answer.json["status"], answer.json["version"]) == ("STARTED", 2)
    assert time.monotonic() - begun < 10
    change.join()


def test_a_wait_that_has_its_change_already_ends_at_once(api):
    """The version that the caller knows is an old one."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})

    begun = time.monotonic()
    answer = api.get(f"{SESSIONS}/one?after_version=0&wait_seconds=20")

    assert answer.json["version"] == 1
    assert time.monotonic() - begun < 10


def test_a_wait_is_bounded(api):
    """Seconds that are too many, or none, are refused with the field."""
    for seconds in (limits.wait_seconds_max + 1, -1, "inf", "nan", "x"):
        answer = api.get(f"{SESSIONS}/x?after_version=0&wait_seconds={seconds}")

        assert (answer.status_code, answer.json["field"]) == (422, "wait_seconds")


def test_where_all_places_to_wait_are_taken_the_answer_comes_at_once(api, services):
    """The other requests still find a thread."""
    api.post(f"{SESSIONS}/", json={"session_id": "one"})
    for _ in range(limits.waiting_requests_max):
        services.waiting.acquire()

    begun = time.monotonic()
    answer = api.get(f"{SESSIONS}/one?after_version=1&wait_seconds=20")

    assert answer.json["version"] == 1
    assert time.monotonic() - begun < 10


def test_a_place_to_wait_is_given_back(api, services):
    """Also when the session is not found."""
    for _ in range(2 * limits.waiting_requests_max):
        api.get(f"{SESSIONS}/nope?after_version=0&wait_seconds=0")

    assert services.waiting.acquire(blocking=False)
