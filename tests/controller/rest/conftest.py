"""Small WSGI applications on a real socket."""

import socket
from contextlib import ExitStack

import pytest

from fednet.controller.rest.server import serving


@pytest.fixture
def serve():
    """Serves a WSGI application until the test's end, or until it is ended; answers its address."""
    with ExitStack() as running:

        def start(app, threads=4, connections=None, *, checks_heads=False):
            listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
            address = listening.getsockname()
            running.enter_context(
                serving(app, listening, threads, connections, checks_heads=checks_heads)
            )
            return address

        start.end = running.close
        yield start


@pytest.fixture
def connect():
    """Opens connections that are closed at the end."""
    with ExitStack() as open_:
        yield lambda address: open_.enter_context(socket.create_connection(address, timeout=30))
