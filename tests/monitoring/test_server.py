"""The server of monitoring pages, on real sockets."""

import asyncio
import http.client
import json
import socket
import threading
from contextlib import ExitStack

import pytest

from fednet import limits
from fednet.errors import Unavailable
from fednet.monitoring import MonitoringServer, Page, health_pages, monitored

HOST = "127.0.0.1"


def broken():
    raise ValueError


@pytest.fixture
def serve():
    """Serves pages until the test's end; answers the port."""
    with ExitStack() as running:
        yield lambda pages: running.enter_context(monitored(HOST, 0, pages))


def asked(port, path, method="GET"):
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("Content-Type")
    finally:
        connection.close()


def test_a_page_is_served_at_its_path(serve):
    """The bytes, their kind and the status are those of the page; a query is ignored."""
    port = serve({"/metrics": lambda: Page(b"up 1\n", "text/plain; version=0.0.4")})

    assert asked(port, "/metrics?x=1") == (200, b"up 1\n", "text/plain; version=0.0.4")
    assert asked(port, "/metrics", "HEAD")[:2] == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/page/more", 404), ("POST", "/page", 405), ("GET", "/bad", 500)],
)
def test_other_requests_are_refused(serve, method, path, status):
    """Nothing but the pages can be read, and a page that fails does not end the server."""
    port = serve({"/page": lambda: Page(b""), "/bad": broken})

    assert asked(port, path, method)[0] == status
    assert asked(port, "/page")[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * limits.monitoring_head_bytes_max, b"431"),
    ],
)
def test_bytes_that_are_no_request_are_refused(serve, sent, status):
    """The head has a bound, and the caller learns why the connection ends."""
    port = serve({})

    with socket.create_connection((HOST, port), timeout=60) as connection:
        connection.sendall(sent)
        assert connection.recv(100).split()[1] == status


def test_silent_connections_keep_nobody_out(serve):
    """500 open connections without a request are there, and the health is answered."""
    port = serve(health_pages(lambda: ""))

    with ExitStack() as silent:
        for _ in range(500):
            silent.enter_context(socket.create_connection((HOST, port), timeout=60))
        assert asked(port, "/health/live")[0] == 200


def test_a_burst_of_connections_keeps_no_more_than_the_limit(monkeypatch):
    """Each one of them that is too many ends another one, though all arrive in one turn of the loop."""
    monkeypatch.setattr(limits, "monitoring_seconds_max", 600.0)

    async def left():
        server = MonitoringServer({})
        await server.start(HOST, 0)
        count = limits.monitoring_connections_max + 30
        burst = [socket.create_connection((HOST, server.port)) for _ in range(count)]
        opened = [await asyncio.open_connection(sock=each) for each in burst]
        waiting = {asyncio.create_task(reader.read()) for reader, _ in opened}
        async with asyncio.timeout(60):
            while len(waiting) > limits.monitoring_connections_max:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        count = len(waiting)
        await server.close()
        for _, writer in opened:
            writer.close()
        return count

    assert asyncio.run(left()) == limits.monitoring_connections_max


def test_a_process_is_live_though_it_is_not_ready(serve):
    """The reason stands in the answer, and the status is 503."""
    reasons = ["The combiner stops.", ""]
    port = serve(health_pages(lambda: reasons.pop(0)))

    assert asked(port, "/health/live")[0] == 200
    status, body, _ = asked(port, "/health/ready")
    assert (status, json.loads(body)["reason"]) == (503, "The combiner stops.")
    assert asked(port, "/health/ready")[0] == 200


def test_without_a_port_nothing_is_served():
    """No thread is started."""
    before = threading.active_count()

    with monitored(HOST, None, {}) as port:
        assert port is None
        assert threading.active_count() == before


def test_a_taken_port_is_an_error_that_names_the_setting(serve):
    """Nothing is left running."""
    port = serve({})

    with pytest.raises(Unavailable, match="--monitoring-port"), monitored(HOST, port, {}):
        pass


def test_the_server_also_runs_in_a_loop_that_is_there():
    """A combiner serves its pages in its own loop, so a loop that hangs is not live."""

    async def first_line():
        server = MonitoringServer({"/page": lambda: Page(b"here")})
        await server.start(HOST, 0)
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        line = await reader.readline()
        writer.close()
        await server.close()
        return line

    assert asyncio.run(first_line()).startswith(b"HTTP/1.1 200")


def test_a_request_has_a_deadline(serve, monkeypatch):
    """A caller that sends half a head is sent away."""
    monkeypatch.setattr(limits, "monitoring_seconds_max", 0.1)
    port = serve({})

    with socket.create_connection((HOST, port), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert connection.recv(100) == b""
