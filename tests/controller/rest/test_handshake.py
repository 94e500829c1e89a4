"""Connections over TLS: a handshake counts, ends in time, and hands over."""

import socket
import ssl
import threading

import pytest

from fednet import limits
from fednet.controller.rest.connections import Connections
from fednet.controller.rest.server import serving
from fednet.tls import ServerFiles, ServerTLS

SECONDS = 60
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def scheme(environ, start_response):
    said = environ["wsgi.url_scheme"].encode()
    start_response("200 OK", [("Content-Length", str(len(said)))])
    return [said]


@pytest.fixture
def serve(paper):
    """Give a function that serves over TLS until the test's end, or until `end` is called."""
    running = []

    def start(connections=None, client_ca=None):
        listening = socket.create_server(("127.0.0.1", 0))
        tls = ServerTLS(paper.servers.certificate, paper.servers.key, client_ca)
        server = serving(scheme, listening, 4, connections, files=ServerFiles(tls))
        server.__enter__()
        running.append(server)
        return listening.getsockname()

    def end():
        running.pop().__exit__(None, None, None)

    start.end = end
    yield start
    while running:
        end()


@pytest.fixture
def secure(paper):
    """Give a function that connects over TLS."""
    context = ssl.create_default_context(cafile=paper.ca)

    def connect(address):
        plain = socket.create_connection(address, SECONDS)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    return connect


def answer(connection):
    connection.sendall(REQUEST)
    said = b""
    while not said.endswith(b"https"):
        piece = connection.recv(4096)
        assert piece, said
        said += piece
    return said


def test_requests_are_answered_one_after_the_other_and_know_that_they_are_secure(serve, secure):
    """The view builds addresses with the scheme."""
    with secure(serve()) as connection:
        answers = [answer(connection) for _ in range(3)]

    assert all(each.startswith(b"HTTP/1.1 200") for each in answers)


def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(serve, paper):
    """A caller need not wait before it writes, and TCP may bring both at once."""
    context = ssl.create_default_context(cafile=paper.ca)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(serve(), SECONDS) as plain:
        while True:
            try:
                engine.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        engine.write(REQUEST)
        plain.sendall(outgoing.read())  # the caller's Finished, and the request
        said = b""
        while not said.endswith(b"https"):
            try:
                said += engine.read()
            except ssl.SSLWantReadError:
                incoming.write(plain.recv(65536))

    assert said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_a_resumed_session_of_an_authority_that_was_replaced_is_refused(
    serve, paper, strange_paper, tmp_path, version
):
    """A caller that was let in once shows no certificate when it resumes; a new authority ends its sessions, too."""
    client_ca = tmp_path / "client-ca.pem"
    client_ca.write_bytes(paper.ca.read_bytes())
    address = serve(client_ca=client_ca)
    own = paper.of_client()
    context = ssl.create_default_context(cafile=paper.ca)
    context.load_cert_chain(own["certificate"], own["certificate_key"])
    context.minimum_version = context.maximum_version = version

    def resume(session):
        plain = socket.create_connection(address, SECONDS)
        with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as secure:
            answer(secure)
            return secure.session, secure.session_reused

    session, _ = resume(None)
    session, is_resumed = resume(session)
    assert is_resumed

    client_ca.write_bytes(strange_paper.ca.read_bytes())
    with pytest.raises(
        (ssl.SSLError, ConnectionError, AssertionError)
    ):  # also an end without an answer
        resume(session)


def test_a_connection_that_does_not_shake_hands_counts_and_makes_room(serve, secure):
    """So silent ones use up no descriptors, and keep nobody out."""
    address = serve(Connections(10, 3))
    silent = [socket.create_connection(address, SECONDS) for _ in range(5)]

    with secure(address) as connection:
        answer(connection)

    ended = [each for each in silent if ended_now(each)]
    assert len(ended) >= 3
    for each in silent:
        each.close()


def ended_now(connection):
    """Return True if the other end has closed."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


def test_a_handshake_has_a_deadline(serve, monkeypatch):
    """As the head of a request has."""
    monkeypatch.setattr(limits, "rest_head_seconds_max", 0.2)

    with socket.create_connection(serve(), SECONDS) as silent:
        assert silent.recv(1) == b""


def test_clear_text_is_not_answered(serve):
    """Nobody falls back to it."""
    with socket.create_connection(serve(), SECONDS) as plain:
        plain.sendall(REQUEST)
        try:
            said = plain.recv(4096)
        except ConnectionResetError:
            said = b""

    assert not said.startswith(b"HTTP/")


def test_the_server_stops_although_a_caller_rests_on_its_connection(serve, secure):
    """Which would otherwise have to say that it closes, too."""
    with secure(serve()) as connection:
        answer(connection)
        thread = threading.Thread(target=serve.end)
        thread.start()
        thread.join(SECONDS)

        assert not thread.is_alive()
