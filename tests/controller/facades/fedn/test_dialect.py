"""The choice of the words, request by request."""

import pytest

from fednet.http import MEDIA_TYPE


@pytest.fixture
def client_a(records):
    records.insert("clients", {"id": "x", "name": "a", "status": "online"})


@pytest.mark.usefixtures("client_a")
@pytest.mark.parametrize(
    ("agent", "accept", "is_fedns"),
    [
        ("python-requests/2.32.3", "*/*", True),
        ("python-requests/2.32.3", f"{MEDIA_TYPE}, */*", False),
        ("curl/8.5.0", "*/*", False),
        ("Mozilla/5.0", "text/html", False),
        ("", "*/*", False),
    ],
)
def test_requests_of_fedns_clients_are_answered_in_its_words(api, agent, accept, is_fedns):
    """They come from Python's `requests`; a program of ours that uses it says which words it takes."""
    headers = {"User-Agent": agent, "Accept": accept}

    shown = api.get("/api/v1/clients/a", headers=headers).json

    assert shown["name"] == "a"
    assert ("client_id" in shown) is is_fedns


@pytest.mark.usefixtures("client_a")
def test_filters_are_named_in_the_words_of_the_request(api):
    """FEDn's spelling is none of ours."""
    answer = api.get("/api/v1/statuses/?logLevel=INFO")
    ours = api.get("/api/v1/statuses/?logLevel=INFO", headers={"Accept": MEDIA_TYPE})

    assert (answer.status_code, ours.status_code) == (200, 400)


def test_a_draft_is_none_of_our_words(api):
    """Our route takes the options themselves."""
    body = {"session_config": {"rounds": 1}}

    answer = api.post("/api/v1/sessions/", json=body, headers={"Accept": MEDIA_TYPE})

    assert (answer.status_code, answer.json["field"]) == (422, "session_config")
