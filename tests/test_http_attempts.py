"""Calls to several addresses, with real servers that refuse, break off, and say that they stop."""

import itertools
import json
import socket
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fednet import limits
from fednet.errors import DeadlineExceeded, InvalidInput, NotFound, Unavailable
from fednet.http import Http

RESET = "reset"
SILENT = "silent"
SLOW = "slow"
SLOW_SECONDS = 0.1


class Place:
    """A server that answers as it is told, and keeps what it was asked."""

    def __init__(self):
        self.answers = itertools.repeat(200)
        self.bodies = []
        self.released = threading.Event()
        self.url = ""

    @property
    def calls(self):
        return len(self.bodies)

    def handler(place):  # noqa: N805  the inner class has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                place.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                status = next(place.answers)
                if status == SLOW:
                    place.released.wait(SLOW_SECONDS)
                    status = 200
                if status in {RESET, SILENT}:
                    if status == SILENT:
                        place.released.wait()
                    self.close_connection = True
                    return
                body = json.dumps({"message": f"{status}.", "from": place.url}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  the server looks for these names

            def log_message(self, *_):
                """Keep the tests' output clean."""

        return Handler


@contextmanager
def serving(place):
    with ThreadingHTTPServer(("127.0.0.1", 0), place.handler()) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        place.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield place
        finally:
            place.released.set()
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    """Pauses that do not keep the tests waiting."""
    monkeypatch.setattr(limits, "retry_seconds_first", 0.001)


@pytest.fixture
def first():
    with serving(Place()) as place:
        yield place


@pytest.fixture
def second():
    with serving(Place()) as place:
        yield place


@pytest.fixture
def http(first, second):
    with closing(Http(f"{first.url},{second.url}", None)) as http:
        yield http


@pytest.fixture
def refusing():
    """An address on which nobody listens, and nobody else can."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_call_goes_on_with_the_next_address_when_one_refuses(refusing, second):
    """At once, without a pause."""
    with closing(Http(f"{refusing},{second.url}", None)) as http:
        assert http.call("GET", "/")["from"] == second.url

    assert second.calls == 1


@pytest.mark.parametrize("answer", [RESET, 502, 503, 504])
def test_a_call_goes_on_with_the_next_address_when_one_is_away(http, first, second, answer):
    """Also a call that may have been done: it carries an id, so that doing it twice makes one."""
    first.answers = itertools.repeat(answer)

    assert http.call("POST", "/", body={"id": 1})["from"] == second.url
    assert first.bodies == second.bodies == [b'{"id": 1}']


def test_a_call_goes_on_with_the_next_address_when_one_is_silent(http, first, second):
    """As long as the server may think."""
    first.answers = itertools.repeat(SILENT)

    assert http.call("PUT", "/", seconds=1)["from"] == second.url


@pytest.mark.parametrize(
    "call",
    [
        lambda http: http.call("GET", "/"),
        lambda http: http.call("GET", "/", waits=0.2),
        lambda http: http.create("/", {"id": 1}),
        lambda http: http.call("POST", "/", body={"name": "a"}, may_overlap=True),
    ],
)
def test_a_call_that_may_be_done_twice_waits_a_moment_where_there_is_another_address(
    http, first, second, monkeypatch, call
):
    """A stopped controller takes connections and is silent; its time to think is much longer."""
    monkeypatch.setattr(limits, "first_answer_seconds_max", 0.2)
    monkeypatch.setattr(limits, "call_seconds_max", 3600.0)
    first.answers = itertools.repeat(SILENT)

    assert call(http)["from"] == second.url
    assert (first.calls, second.calls) == (1, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda http: http.call("GET", "/"),
        lambda http: http.create("/", {"id": 1}),
    ],
)
def test_the_last_address_may_think_as_long_as_the_call_allows(
    http, first, second, call, monkeypatch
):
    """The other one is away, so it is not given up for a slow answer."""
    monkeypatch.setattr(limits, "first_answer_seconds_max", 0.05)
    first.answers = itertools.repeat(503)
    second.answers = itertools.repeat(SLOW)

    assert call(http)["from"] == second.url
    assert second.calls == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda http: http.call("GET", "/", waits=3600.0),
        lambda http: http.call("GET", "/", seconds=3600.0),
        lambda http: http.call("POST", "/session/stop"),
        lambda http: http.call("DELETE", "/"),
    ],
)
def test_a_call_that_waits_or_may_not_be_done_twice_at_once_is_not_given_up(
    http, first, second, call, monkeypatch
):
    """A long poll, a transfer, and what would be refused the second time."""
    monkeypatch.setattr(limits, "first_answer_seconds_max", 0.05)
    first.answers = itertools.repeat(SLOW)

    assert call(http)["from"] == first.url
    assert second.calls == 0


def test_patience_grows_with_each_pass(http, first, second, monkeypatch):
    """A slow controller is heard in the end, although there is another address."""
    monkeypatch.setattr(limits, "first_answer_seconds_max", 0.05)
    first.answers = itertools.repeat(SLOW)
    second.answers = itertools.repeat(503)

    assert http.call("GET", "/")["from"] == first.url
    assert first.calls > 1


def test_the_address_that_answered_is_asked_first_from_then_on(http, first, second):
    """Until it is away itself."""
    first.answers = iter([503, 200])
    http.call("GET", "/")
    calls_until_then = first.calls

    assert http.call("GET", "/")["from"] == second.url
    assert first.calls == calls_until_then == 1

    second.answers = itertools.repeat(RESET)
    assert http.call("GET", "/")["from"] == first.url


def test_a_refusal_is_an_answer(http, first, second):
    """The next controller would say the same."""
    first.answers = itertools.repeat(404)

    with pytest.raises(NotFound, match="404"):
        http.call("GET", "/")

    assert second.calls == 0


def test_each_address_is_tried_a_bounded_number_of_times(http, first, second):
    """Whatever the other ones say."""
    first.answers, second.answers = itertools.repeat(503), itertools.repeat(RESET)

    with pytest.raises(Unavailable):
        http.call("GET", "/")

    assert first.calls == second.calls == limits.retry_attempts_max + 1


def test_the_error_has_every_address_and_its_reason(refusing, first, second, monkeypatch):
    """Each as it was in the last attempt."""
    monkeypatch.setattr(limits, "retry_attempts_max", 0)
    first.answers, second.answers = itertools.repeat(503), itertools.repeat(SILENT)

    http = Http(f"{refusing},{first.url},{second.url}", None)
    with closing(http), pytest.raises(Unavailable) as caught:
        http.call("GET", "/", seconds=2)

    assert caught.value.message == (
        f"Cannot reach {refusing}: [Errno 111] Connection refused. "
        f"{first.url} says: 503. "
        f"{second.url} did not answer in time. Is the controller running?"
    )


def test_servers_that_are_all_silent_exceed_the_deadline(http, first, second, monkeypatch):
    """The kind of the error is theirs where they agree."""
    monkeypatch.setattr(limits, "retry_attempts_max", 0)
    first.answers = second.answers = itertools.repeat(SILENT)

    with pytest.raises(DeadlineExceeded, match=f"{first.url} .*{second.url} "):
        http.call("GET", "/", seconds=0.05)


def test_a_file_begins_anew_at_the_next_address(http, first, second, tmp_path):
    """All of it arrives, and no more."""
    (tmp_path / "file").write_bytes(b"x" * 300_000)
    first.answers = itertools.repeat(503)

    assert http.upload("/", tmp_path / "file", {})["from"] == second.url
    assert second.bodies == [b"x" * 300_000]


@pytest.mark.parametrize("odd", ["http://[", "ftp://x", "x"])
def test_an_address_that_is_none_is_named(first, odd):
    """It is a mistake, and no controller that is away."""
    http = Http(f"{odd},{first.url}", None)
    with closing(http), pytest.raises(InvalidInput, match="Invalid address") as caught:
        http.call("GET", "/")

    assert odd in caught.value.message
    assert first.calls == 0
