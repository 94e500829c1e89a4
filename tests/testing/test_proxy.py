"""The fault proxy, between real sockets."""

import gc
import socket
import threading
from contextlib import closing

import pytest

from fednet.testing import FaultProxy


@pytest.fixture
def echo():
    """A server that sends back what comes; its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except OSError:
                return

    def accept():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    accepting.join(10)


@pytest.fixture
def proxy(echo):
    with FaultProxy(echo) as proxy:
        yield proxy


def connect(proxy):
    host, _, port = proxy.address.rpartition(":")
    return closing(socket.create_connection((host, int(port)), timeout=10))


def received(connection, count):
    """So many bytes, or what came before the connection ended."""
    data = b""
    try:
        while len(data) < count and (piece := connection.recv(count - len(data))):
            data += piece
    except ConnectionError:
        return data
    return data


def test_it_passes_everything_on(proxy):
    """Both ways, as if it were not there."""
    with connect(proxy) as link:
        link.sendall(b"hello" * 1000)
        assert received(link, 5000) == b"hello" * 1000


def test_an_end_of_sending_is_passed_on(proxy):
    """The answer still comes."""
    with connect(proxy) as link:
        link.sendall(b"hello")
        link.shutdown(socket.SHUT_WR)
        assert received(link, 100) == b"hello"


def test_a_cut_ends_what_is_open_and_spares_what_comes(proxy):
    """New connections are served."""
    with connect(proxy) as link, connect(proxy) as after:
        link.sendall(b"hello")
        assert received(link, 5) == b"hello"
        proxy.cut()
        assert received(link, 1) == b""
        del after
    with connect(proxy) as link:
        link.sendall(b"again")
        assert received(link, 5) == b"again"


@pytest.mark.parametrize("count", [1, 5, 7, 9])
def test_a_cut_comes_after_exactly_so_many_bytes(proxy, count):
    """Up and down together; and only once."""
    with connect(proxy) as link:
        proxy.cut_after(count)
        link.sendall(b"hello")
        assert len(received(link, 5)) <= max(0, count - 5)
    with connect(proxy) as link:
        link.sendall(b"hello" * 10)
        assert received(link, 50) == b"hello" * 10


@pytest.mark.parametrize("direction", [{"up": False}, {"down": False}, {}])
def test_what_is_stalled_arrives_when_it_is_restored(proxy, direction):
    """Nothing is lost, whichever direction was held."""
    with connect(proxy) as link:
        proxy.stall(**direction)
        link.sendall(b"hello")
        link.settimeout(0.1)
        with pytest.raises(TimeoutError):
            link.recv(5)
        link.settimeout(10)
        proxy.restore()
        assert received(link, 5) == b"hello"


def test_refused_connections_end_at_once(proxy):
    """Those of before as well; until it is restored."""
    with connect(proxy) as before:
        before.sendall(b"hello")
        assert received(before, 5) == b"hello"
        proxy.refuse()
        assert received(before, 1) == b""
    with connect(proxy) as link:
        assert received(link, 1) == b""
    proxy.restore()
    with connect(proxy) as link:
        link.sendall(b"hello")
        assert received(link, 5) == b"hello"


def test_a_server_that_is_not_there_ends_the_connection():
    """As a refusal, not a hang."""
    with FaultProxy("127.0.0.1:1") as proxy, connect(proxy) as link:
        assert received(link, 1) == b""


def test_it_ends_with_connections_stalled(echo):
    """Leaving its block takes no restore, and leaves no thread."""
    with FaultProxy(echo) as proxy, connect(proxy) as link:
        proxy.stall()
        link.sendall(b"hello")

    assert "fault-proxy" not in {thread.name for thread in threading.enumerate()}


def test_it_ends_while_connections_are_being_accepted():
    """None is left open, however many come at that moment."""
    for _ in range(20):
        with FaultProxy("127.0.0.1:1") as proxy:
            host, _, port = proxy.address.rpartition(":")
            coming = [socket.socket() for _ in range(8)]
            for each in coming:
                each.setblocking(False)
                each.connect_ex((host, int(port)))
        for each in coming:
            each.close()
        gc.collect()  # a connection that is left open is an error here
