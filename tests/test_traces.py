"""The ids of spans, and the spans that nobody receives."""

import contextlib
import socket
import subprocess
import sys
import threading

import pytest

from fednet import traces
from fednet.errors import MissingExtra
from fednet.traces import Span, Traces, place_of, round_place

SECONDS = 30


def test_the_place_of_a_round_follows_from_its_session_and_number():
    """So another controller, or a later process, goes on in the same trace; another round is another trace."""
    place = round_place("document-1", 1)

    assert round_place("document-1", 1) == place
    assert len({place, round_place("document-1", 2), round_place("document-2", 1)}) == 3


def test_a_child_stays_in_its_trace():
    """Its id follows from its parent's and its names."""
    place = round_place("document-1", 1)
    child = place.child("phase", "p", "combiner-1")

    assert child.trace_id == place.trace_id
    assert place.child("phase", "p", "combiner-1") == child
    assert len({place.span_id, child.span_id, place.child("phase", "p", "combiner-2").span_id}) == 3


def test_a_place_travels_as_a_traceparent():
    """W3C's form: version, trace, span, and the flag that it is recorded."""
    place = round_place("document-1", 1)

    assert place.traceparent == f"00-{place.trace_id}-{place.span_id}-01"
    assert place_of(place.traceparent) == place


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"00-{'1' * 32}",
    ],
)
def test_what_is_no_traceparent_is_ignored(text):
    """As W3C wants it: a trace is never a reason to refuse work."""
    assert place_of(text) is None


def test_without_an_endpoint_nothing_is_made_or_loaded():
    """A process without traces pays for none: no span is made, and OpenTelemetry is not imported."""
    script = (
        "import sys; from fednet.traces import Traces; t = Traces(None, 'client', 'a'); "
        "t.tell(lambda: 1 / 0); t.close(); "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    answer = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )

    assert answer.stdout.strip() == "[]"


def test_without_the_extra_an_endpoint_is_refused(monkeypatch):
    """The error names the extra, and the settings that ask for it."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with pytest.raises(
        MissingExtra, match=r"fednet\[tracing\].*remove the setting traces_endpoint"
    ):
        Traces("http://127.0.0.1:1", "client", "a")


def test_a_receiver_that_is_away_holds_nobody_up(monkeypatch):
    """Spans are dropped after a while; the process goes on, and ends."""
    monkeypatch.setattr(traces.limits, "traces_seconds_max", 0.2)
    away = Traces("http://127.0.0.1:1", "client", "a")
    place = round_place("document-1", 1)

    away.tell(lambda: Span("round", place, None, 1.0, 2.0))

    away.close()


@pytest.fixture
def slow_receiver():
    """Give the address of a receiver whose answer goes on, byte by byte, until the end of the test."""
    is_over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def answer():
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not is_over.wait(0.02):
                connection.sendall(b"a")

    answering = threading.Thread(target=answer)
    answering.start()
    with listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        is_over.set()
        answering.join()


def test_a_receiver_that_is_slow_holds_up_no_end(monkeypatch, slow_receiver):
    """Its answer begins and never ends; no pause in it is as long as the limit."""
    monkeypatch.setattr(traces.limits, "traces_seconds_max", 0.5)
    slow = Traces(slow_receiver, "client", "a")
    slow.tell(lambda: Span("round", round_place("document-1", 1), None, 1.0, 2.0))

    closing = threading.Thread(target=slow.close, daemon=True)
    closing.start()
    closing.join(SECONDS)

    assert not closing.is_alive()
