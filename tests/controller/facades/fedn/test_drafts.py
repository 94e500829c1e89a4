"""FEDn 0.33's way to start a session: a draft first, then its start."""

import pytest

SESSIONS = "/api/v1/sessions"
CONFIG = {
    "aggregator": "fedavg",
    "aggregator_kwargs": '{"x": 1}',
    "round_timeout": 60,
    "buffer_size": -1,
    "model_id": "m",
    "delete_models_storage": True,
    "clients_required": 9,
    "requested_clients": 8,
    "validate": False,
    "helper_type": "numpyhelper",
    "server_functions": None,
}


@pytest.fixture
def draft(api):
    """A draft that was sent."""
    body = {"name": "ours", "seed_model_id": "m", "session_config": CONFIG}
    answer = api.post(f"{SESSIONS}/", json=body)
    assert answer.status_code == 201
    return answer.json


def start(api, session_id, **options):
    return api.post(f"{SESSIONS}/start", json={"session_id": session_id, **options})


def test_a_draft_is_no_session_yet(api, draft):
    """It is only kept."""
    assert draft["status"] == "Created"
    assert draft["seed_model_id"] == "m"
    assert api.get(f"{SESSIONS}/count").json == 0


def test_a_draft_is_started_with_its_configuration(api, draft, records):
    """In our words; what the start says of rounds and time counts."""
    answer = start(api, draft["session_id"], rounds=2, round_timeout=30)

    options = records.get("sessions", draft["session_id"])["options"]
    assert answer.json == {
        "success": True,
        "message": "Session started",
        "session_id": draft["session_id"],
    }
    assert (options["rounds"], options["round_timeout"]) == (2, 30)
    assert (options["min_clients"], options["requested_clients"]) == (9, 9)
    assert (options["name"], options["model_id"]) == ("ours", "m")
    assert options["aggregator_kwargs"] == {"x": 1}
    assert options["validate_models"] is False


def test_a_draft_is_started_once(api, draft):
    """A start that is sent again changes nothing; one with other rounds is a conflict."""
    first = start(api, draft["session_id"], rounds=2)

    assert start(api, draft["session_id"], rounds=2).json == first.json
    assert start(api, draft["session_id"], rounds=3).status_code == 409
    assert api.get(f"{SESSIONS}/count").json == 1


@pytest.mark.parametrize(("asked", "added"), [({"rounds": 4}, 4), ({}, 5)])
def test_an_ended_session_is_continued(api, draft, sessions, asked, added):
    """By as many rounds as are asked for, or as many as FEDn's default."""
    start(api, draft["session_id"], rounds=2)
    sessions.change(draft["session_id"], status="FINISHED")

    answer = start(api, draft["session_id"], **asked)

    assert answer.status_code == 200
    session = api.get(f"{SESSIONS}/{draft['session_id']}").json
    assert (session["status"], session["rounds_total"]) == ("STARTED", 2 + added)


def test_what_nobody_sent_cannot_be_started(api):
    """404."""
    assert start(api, "nope").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"server_functions": "class A: ..."}, "server_functions"),
        ({"aggregator_kwargs": "{"}, "aggregator_kwargs"),
        ({"bogus": 1}, "bogus"),
        ({"clients_required": 0}, "min_clients"),
    ],
)
def test_a_draft_is_checked_when_it_is_sent(api, wrong, field):
    """422, with the option."""
    answer = api.post(f"{SESSIONS}/", json={"session_config": {**CONFIG, **wrong}})

    assert (answer.status_code, answer.json["field"]) == (422, field)


def test_split_learning_is_refused(api, draft):
    """501."""
    answer = api.post(
        f"{SESSIONS}/start_splitlearning_session", json={"session_id": draft["session_id"]}
    )

    assert answer.status_code == 501
