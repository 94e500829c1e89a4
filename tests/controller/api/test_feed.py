"""Reading the feed over REST: once, by long poll, and as server-sent events."""

import http.client
import json
import socket
import threading

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.feed.entries import EntryKind, Interest
from fednet.controller.rest.server import serving

FEED = "/api/v1/feed"
SECONDS = limits.wait_seconds_max


@pytest.fixture
def append(feed):
    """Appends the join of clients, and waits until all are readable."""

    def join(*names):
        expected = feed.head + len(names)
        for name in names:
            feed.append(EntryKind.CLIENT_JOINED, client_id=name, combiner="c")
        while True:
            listener = feed.listen(Interest())
            if feed.head >= expected:
                listener.close()
                return
            assert listener.wait(SECONDS)

    return join


def names(answer):
    return [entry["ids"]["client_id"] for entry in answer.json["entries"]]


def test_the_feed_is_read_from_a_number_on(api, append):
    """With the number to go on after."""
    append("a", "b", "c")

    answer = api.get(f"{FEED}?after=1")

    assert names(answer) == ["b", "c"]
    assert {**answer.json, "entries": []} == {
        "entries": [], "next": 3, "head": 3, "oldest": 1, "is_gap": False,
    }  # fmt: skip
    assert answer.json["entries"][0]["number"] == 2
    assert answer.json["entries"][0]["controller"] == "here"


def test_every_change_of_a_session_is_an_entry(api, sessions):
    """With its version and its status."""
    api.post("/api/v1/sessions/", json={"session_id": "one"})
    api.post("/api/v1/sessions/", json={"session_id": "other"})
    sessions.change("other", status="STARTED")
    sessions.change("one", status="STARTED")

    found = api.get(f"{FEED}?session_id=one&seconds={SECONDS}").json["entries"]

    assert [(each["kind"], each["ids"]) for each in found] == [
        ("session_changed", {"session_id": "one", "version": 2, "status": "STARTED"})
    ]


def test_a_reader_waits_for_the_next_entry(api, feed, append):
    """Of the kind that it wants."""
    append("a")
    answers = []
    path = f"{FEED}?after=1&seconds={SECONDS}&kind=client_left,combiner_up"
    reading = threading.Thread(target=lambda: answers.append(api.get(path)))
    reading.start()

    append("b")
    feed.append(EntryKind.CLIENT_LEFT, client_id="a", combiner="c")
    reading.join(SECONDS)

    assert [(each["number"], each["kind"]) for each in answers[0].json["entries"]] == [
        (3, "client_left")
    ]


def test_a_reader_waits_no_longer_than_it_asks(api, append):
    """Then there is nothing, and the number to go on after."""
    append("a")

    answer = api.get(f"{FEED}?after=1&seconds=0.05")

    assert (answer.json["entries"], answer.json["next"]) == ([], 1)


def test_what_is_not_kept_any_more_is_told(api, feed, append):
    """The reader reads the state anew."""
    for name in "abc":
        append(name)
    feed._log.prune("9999")
    feed._log._recent = feed._log._recent[-1:]

    answer = api.get(f"{FEED}?after=0")

    assert (answer.json["is_gap"], answer.json["oldest"], names(answer)) == (True, 3, ["c"])
    assert api.get(f"{FEED}?after=99").json["is_gap"] is True


@pytest.mark.parametrize(
    ("asked", "field"),
    [("after=-1", "after"), ("after=x", "after"), ("after=1e99", "after"),
     ("seconds=31", "seconds"), ("seconds=nan", "seconds"), ("kind=x", "kind")],
)  # fmt: skip
def test_what_is_asked_wrongly_is_named(api, asked, field):
    """With the field."""
    answer = api.get(f"{FEED}?{asked}")

    assert answer.status_code in (400, 422)
    assert answer.json["field"] == field


def test_users_and_controllers_read_the_feed(client_with):
    """It tells about everybody: no agent of a site sees it, and no collector of metrics."""
    statuses = {
        role: client_with(Principal.of(role, "id", "name")).get(FEED).status_code for role in Role
    }

    refused = {Role.CLIENT, Role.COMBINER, Role.MONITOR}
    assert statuses == {role: 403 if role in refused else 200 for role in Role}


def test_without_a_token_there_is_no_feed(anybody):
    """Neither as JSON nor as events."""
    assert anybody.get(FEED).status_code == 401


@pytest.fixture
def address(app):
    """A server of the app."""
    listening = socket.create_server(("127.0.0.1", 0))
    with serving(app, listening, threads=2):
        yield listening.getsockname()


@pytest.fixture
def stream(address, signer, admin):
    """Opens a stream of events; yields its lines."""
    open_ = []

    def start(path=FEED, **headers):
        connection = http.client.HTTPConnection(*address, timeout=SECONDS)
        open_.append(connection)
        token = signer.sign(admin)
        asked = {"Accept": "text/event-stream", "Authorization": f"Bearer {token}", **headers}
        connection.request("GET", path, headers=asked)
        return connection.getresponse()

    yield start
    for connection in open_:
        connection.close()


def next_event(response):
    event = {}
    while line := response.readline().decode().strip():
        name, _, value = line.partition(": ")
        event[name] = value
    return event


def test_a_stream_sends_what_there_is_and_what_comes(stream, append):
    """Each event has its number as its id, and the entry as JSON."""
    append("a", "b")
    response = stream(f"{FEED}?after=1")

    first = next_event(response)
    append("c")
    second = next_event(response)

    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert (first["id"], first["event"]) == ("2", "client_joined")
    assert json.loads(first["data"])["ids"]["client_id"] == "b"
    assert (second["id"], json.loads(second["data"])["number"]) == ("3", 3)


def test_a_stream_goes_on_after_the_last_event(stream, append):
    """As browsers ask when they connect again."""
    append("a", "b", "c")

    response = stream(f"{FEED}?after=0", **{"Last-Event-ID": "2"})

    assert next_event(response)["id"] == "3"


def test_a_last_event_that_is_no_number_is_refused(stream):
    """The header is named."""
    response = stream(**{"Last-Event-ID": "x"})

    assert response.status == 400
    assert json.loads(response.read())["field"] == "Last-Event-ID"


def test_a_stream_tells_of_a_gap(stream, append):
    """Before what comes after it."""
    append("a")

    assert next_event(stream(f"{FEED}?after=99"))["event"] == "gap"


def test_a_stream_without_news_shows_that_it_lives(stream, monkeypatch):
    """By comments, which browsers pass over."""
    monkeypatch.setattr(limits, "feed_keepalive_seconds", 0.05)

    response = stream()

    assert response.readline().startswith(b":")


def test_a_stream_ends_after_a_while(stream, append, monkeypatch):
    """The reader connects again, with a token that is still good."""
    monkeypatch.setattr(limits, "feed_stream_seconds_max", 0.2)
    monkeypatch.setattr(limits, "feed_keepalive_seconds", 0.05)
    append("a")

    assert b"client_joined" in stream().read()


def test_a_thousand_listeners_take_no_threads(address, append, signer, admin):
    """Each costs its socket, and hears of what happens."""
    token = signer.sign(admin)
    request = (
        f"GET {FEED} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()
    listeners = [socket.create_connection(address, timeout=SECONDS) for _ in range(1_000)]
    try:
        for each in listeners:
            each.sendall(request)
        for each in listeners:
            assert each.recv(4096).startswith(b"HTTP/1.1 200")
        threads = threading.active_count()

        append("a")

        for each in listeners:
            received = b""
            while b"client_joined" not in received:
                received += each.recv(4096)
        assert threads < 20
    finally:
        for each in listeners:
            each.close()


def test_a_server_that_stops_ends_the_streams(app, signer, admin, monkeypatch):
    """They end as whole answers, and do not wait for something to say."""
    monkeypatch.setattr(limits, "feed_keepalive_seconds", 10 * SECONDS)
    listening = socket.create_server(("127.0.0.1", 0))
    connection = http.client.HTTPConnection(*listening.getsockname(), timeout=SECONDS)
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {signer.sign(admin)}"}
    with serving(app, listening, threads=1):
        connection.request("GET", FEED, headers=headers)
        response = connection.getresponse()

    assert response.read() == b""
    connection.close()
