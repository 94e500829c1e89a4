"""The server of the REST API, under callers of every kind."""

import contextlib
import contextvars
import hashlib
import http.client
import threading

import pytest

from fednet import limits
from fednet.controller.feed.entries import Interest
from fednet.controller.feed.listeners import Listeners
from fednet.controller.rest.connections import Connections
from fednet.controller.rest.head import HEAD
from fednet.controller.rest.later import Look, answer_when

SECONDS = 200
MIB = limits.MIB


def answer(start_response, body, status="200 OK"):
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]


def digest_of_body(environ, start_response):
    digest = hashlib.sha256()
    while piece := environ["wsgi.input"].read(MIB):
        digest.update(piece)
    return answer(start_response, digest.hexdigest().encode())


def hello(_environ, start_response):
    return answer(start_response, b"hello")


def echo(environ, start_response):
    return answer(start_response, environ[environ["QUERY_STRING"]].encode("latin-1"))


def call(address, method="GET", path="/", body=None, headers=None, **options):
    connection = http.client.HTTPConnection(*address, timeout=SECONDS)
    connection.request(method, path, body, headers or {}, **options)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response, text


def read_all(connection):
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def receive(connection, ending):
    received = b""
    while not received.endswith(ending):
        received += connection.recv(65536)
    return received


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("size", [0, 1, MIB, 3 * MIB + 7])
def test_a_body_arrives_as_it_was_sent(serve, monkeypatch, size, is_chunked):
    """From memory, from a file and through the pipe."""
    monkeypatch.setattr(limits, "rest_memory_bytes_max", 100_000)
    monkeypatch.setattr(limits, "rest_spooled_bytes_max", MIB)
    monkeypatch.setattr(limits, "rest_pipe_bytes_max", 100_000)
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sent = iter([body[:1000], body[1000:]]) if is_chunked else body

    _, text = call(
        serve(digest_of_body), "POST", "/", sent, encode_chunked=is_chunked,
        headers={"Transfer-Encoding": "chunked"} if is_chunked else {},
    )  # fmt: skip

    assert text.decode() == hashlib.sha256(body).hexdigest()


def test_a_large_answer_is_sent_whole_through_a_small_pipe(serve, monkeypatch):
    """Its reader may be slower than the view."""
    monkeypatch.setattr(limits, "rest_pipe_bytes_max", 10_000)
    pieces = [bytes([number]) * 100_000 for number in range(50)]

    def app(_environ, start_response):
        start_response("200 OK", [])
        return iter(pieces)

    response, text = call(serve(app))

    assert text == b"".join(pieces)
    assert response.headers["Transfer-Encoding"] == "chunked"


def test_a_body_that_is_too_large_is_refused(serve, monkeypatch):
    """Whether it says so itself, or turns out to be."""
    monkeypatch.setattr(limits, "model_bytes_max", MIB)
    monkeypatch.setattr(limits, "upload_overhead_bytes_max", 1)
    address = serve(digest_of_body)

    statuses = [
        call(address, "POST", "/", iter([b"x" * MIB, b"xx"]), encode_chunked=True,
             headers={"Transfer-Encoding": "chunked"})[0].status,
        call(address, "POST", "/", b"", headers={"Content-Length": str(MIB + 2)})[0].status,
        call(address, "POST", "/", b"x" * (MIB + 1))[0].status,
    ]  # fmt: skip

    assert statuses == [413, 413, 200]


def test_callers_who_send_slowly_take_no_thread(serve, connect):
    """A request is received before a thread is needed."""
    address = serve(digest_of_body, threads=1)
    slow = [connect(address) for _ in range(20)]
    for each in slow:
        each.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")

    assert call(address)[0].status == 200
    for each in slow:
        each.sendall(b"cde")
        assert each.recv(1000).startswith(b"HTTP/1.1 200")


def test_callers_who_read_slowly_take_no_thread_for_a_small_answer(serve, connect):
    """It waits beside the socket."""
    body = b"x" * (3 * MIB)
    address = serve(lambda _, start_response: answer(start_response, body), threads=1)
    slow = [connect(address) for _ in range(5)]
    for each in slow:
        each.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    assert call(address)[1] == body
    for each in slow:
        assert read_all(each).endswith(body)


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTT", b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab"]
)
def test_a_request_that_does_not_go_on_is_ended(serve, connect, monkeypatch, sent):
    """With its connection: it might hold its place for ever."""
    monkeypatch.setattr(limits, "rest_head_seconds_max", 0.2)
    monkeypatch.setattr(limits, "rest_slow_seconds_max", 0.2)
    connection = connect(serve(digest_of_body))
    connection.sendall(sent)

    assert read_all(connection) == b""


def test_a_caller_who_does_not_read_loses_the_connection(serve, connect, monkeypatch):
    """The view is told, and its thread is free again."""
    monkeypatch.setattr(limits, "rest_slow_seconds_max", 0.2)
    has_ended = threading.Event()

    def app(_environ, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * MIB
        finally:
            has_ended.set()

    connection = connect(serve(app))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")

    assert has_ended.wait(SECONDS)


def test_a_caller_who_goes_ends_the_answer(serve, connect):
    """A download that nobody takes is not read to its end."""
    has_ended = threading.Event()

    def app(_environ, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * MIB
        finally:
            has_ended.set()

    connection = connect(serve(app))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    connection.recv(1000)
    connection.close()

    assert has_ended.wait(SECONDS)


def test_a_caller_who_goes_while_sending_breaks_the_body(serve, connect, monkeypatch):
    """The view does not take a part for the whole."""
    monkeypatch.setattr(limits, "rest_spooled_bytes_max", 1)
    raised, has_begun = [], threading.Event()
    is_over = threading.Event()

    def app(environ, start_response):
        has_begun.set()
        try:
            environ["wsgi.input"].read()
        except Exception as error:
            raised.append(type(error).__name__)
            raise
        finally:
            is_over.set()
        return answer(start_response, b"")

    connection = connect(serve(app))
    connection.sendall(
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    )
    assert has_begun.wait(SECONDS)
    connection.close()

    assert is_over.wait(SECONDS)
    assert raised == ["ClientDisconnected"]


def test_one_connection_carries_many_requests(serve, connect):
    """One after the other, or sent at once; answers come in their order."""
    connection = connect(serve(echo))
    asked = [f"GET /{number}?PATH_INFO HTTP/1.1\r\nHost: h\r\n\r\n".encode() for number in range(5)]

    connection.sendall(b"".join(asked))
    connection.sendall(b"GET /last?PATH_INFO HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")

    bodies = [
        part.rpartition(b"\r\n\r\n")[2] for part in read_all(connection).split(b"HTTP/1.1 200 OK")
    ]
    assert bodies[1:] == [b"/0", b"/1", b"/2", b"/3", b"/4", b"/last"]


def test_a_head_has_the_length_and_no_body(serve):
    """As a GET would have it."""
    response, text = call(serve(hello), "HEAD")

    assert (response.status, response.headers["Content-Length"], text) == (200, "5", b"")


def test_an_answer_has_a_date_and_says_nothing_of_the_server(serve):
    """RFC 9110 asks for the date of who has a clock."""
    response, _ = call(serve(hello))

    assert "GMT" in response.headers["Date"]
    assert "Server" not in response.headers


def test_nobody_can_forge_a_header(serve):
    """Underscores look like hyphens to WSGI, and no proxy is trusted."""
    forged = {"X_Real": "1", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4"}

    def app(environ, start_response):
        names = [name for name in environ if name.startswith(("HTTP_X", "HTTP_F"))]
        return answer(start_response, ",".join([*names, environ["REMOTE_ADDR"]]).encode())

    assert call(serve(app), headers=forged)[1] == b"127.0.0.1"


def test_a_path_arrives_byte_by_byte(serve):
    """As PEP 3333 has it."""
    _, text = call(serve(echo), path="/%C3%A4%FF%2F?PATH_INFO")

    assert text == b"/\xc3\xa4\xff/"


def test_what_is_no_http_is_refused(serve, connect):
    """400, and the connection ends."""
    connection = connect(serve(hello))
    connection.sendall(b"\x00\x01\x02\r\n\r\n")

    assert read_all(connection).startswith(b"HTTP/1.1 400")


def test_a_head_that_is_too_large_is_refused(serve, connect):
    """Before it is all there."""
    connection = connect(serve(hello))
    connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (limits.rest_head_bytes_max + 1))

    assert read_all(connection).startswith(b"HTTP/1.1 400")


def test_a_newcomer_takes_the_place_of_the_connection_that_rests_for_longest(serve, connect):
    """Silent connections keep nobody out; the others go on."""
    address = serve(hello, connections=Connections(3, 3))
    resting = [connect(address) for _ in range(3)]
    for each in reversed(resting):
        each.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert receive(each, b"hello").startswith(b"HTTP/1.1 200")

    assert call(address)[0].status == 200

    assert read_of_one_turned_away(resting[2]) == b""
    resting[0].sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert receive(resting[0], b"hello").startswith(b"HTTP/1.1 200")


def test_a_newcomer_is_refused_while_all_others_have_a_request(serve, connect):
    """The refusal says when to come again."""
    app = Waiting()
    address = serve(app, connections=Connections(1, 1))
    first = connect(address)
    ask(first)
    assert app.awaited.acquire(timeout=SECONDS)

    refused = read_all(connect(address))

    app.change()
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in refused
    assert read_all(first).endswith(b"new")


def test_hundreds_of_silent_connections_and_half_heads_do_not_stop_the_server(serve, connect):
    """They hold sockets, and nothing else."""
    address = serve(hello, threads=1)
    for number in range(500):
        connect(address).sendall(b"GET / HTTP/1.1\r\nHo" if number % 2 else b"")

    assert call(address)[1] == b"hello"


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nHost: h", b"POST / HTTP/1.1\r\nContent-"])
def test_a_head_that_comes_byte_by_byte_is_ended_in_time(serve, connect, monkeypatch, head):
    """Each further byte gives no further time."""
    monkeypatch.setattr(limits, "rest_head_seconds_max", 0.3)
    connection = connect(serve(hello))

    sent = trickle(connection, head)

    assert sent < 10_000


def test_a_body_that_comes_byte_by_byte_is_ended_in_time(serve, connect, monkeypatch):
    """The least pace holds on the whole, however regular the bytes are."""
    monkeypatch.setattr(limits, "rest_slow_seconds_max", 0.3)
    connection = connect(serve(digest_of_body))

    sent = trickle(connection, b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n")

    assert sent < 10_000


def trickle(connection, beginning):
    """Send a byte each hundredth of a second until the connection is ended; return the number of bytes."""
    connection.sendall(beginning)
    connection.settimeout(0.01)
    for sent in range(10_000):
        try:
            connection.sendall(b"x")
            if not connection.recv(1):
                return sent
        except TimeoutError:
            continue
        except OSError:
            return sent
    return 10_000


def test_slow_readers_of_long_answers_take_no_thread(serve, connect):
    """Between two batches nobody works at an answer."""

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/hello":
            return hello(environ, start_response)
        start_response("200 OK", [])
        return iter([bytes([number]) * MIB for number in range(30)])

    address = serve(app, threads=1)
    slow = [connect(address) for _ in range(20)]
    for each in slow:
        each.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert each.recv(1000)

    assert call(address, path="/hello")[1] == b"hello"
    assert len(read_all(slow[0])) > 29 * MIB


def test_an_answer_of_any_length_stays_in_its_context(serve):
    """Each batch may come from another thread."""
    variable = contextvars.ContextVar("variable")

    def app(_environ, start_response):
        start_response("200 OK", [])
        variable.set(b"x" * MIB)
        return (variable.get() for _ in range(20))

    assert call(serve(app, threads=4))[1] == b"x" * 20 * MIB


def checking(view):
    """An application that refuses heads without a token, and bodies over 10 bytes."""

    def app(environ, start_response):
        if "HTTP_AUTHORIZATION" not in environ:
            return answer(start_response, b"no token", "401 Unauthorized")
        if HEAD in environ:
            environ[HEAD].admit(10)
            return answer(start_response, b"")
        return view(environ, start_response)

    return app


@pytest.mark.parametrize(
    "headers", ["Content-Length: 1500000000", "Transfer-Encoding: chunked", "Content-Length: 1"]
)
def test_a_body_is_refused_before_it_is_sent(serve, connect, headers):
    """The head is enough."""
    connection = connect(serve(checking(hello), checks_heads=True))
    connection.sendall(f"POST / HTTP/1.1\r\nHost: h\r\n{headers}\r\n\r\n".encode())

    assert receive(connection, b"no token").startswith(b"HTTP/1.1 401 ")


def test_a_refused_caller_is_not_asked_to_continue(serve, connect):
    """`Expect: 100-continue` gets the refusal, an admitted caller the interim answer."""
    address = serve(checking(digest_of_body), checks_heads=True)
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
    refused, admitted = connect(address), connect(address)
    refused.sendall(head + b"\r\n")
    admitted.sendall(head + b"Authorization: x\r\n\r\n")

    assert receive(refused, b"no token").startswith(b"HTTP/1.1 401 ")
    assert receive(admitted, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
    admitted.sendall(b"ab")
    assert receive(admitted, hashlib.sha256(b"ab").hexdigest().encode())


def test_a_chunked_body_is_counted_against_the_bound_of_its_head(serve):
    """The application has named the bound when it admitted the head."""
    address = serve(checking(digest_of_body), checks_heads=True)

    statuses = [
        call(address, "POST", "/", iter([b"12345", rest]), encode_chunked=True,
             headers={"Transfer-Encoding": "chunked", "Authorization": "x"})[0].status
        for rest in (b"67890", b"678901")
    ]  # fmt: skip

    assert statuses == [200, 413]


def test_the_sender_of_a_refused_body_reads_the_answer_and_loses_the_connection(serve, connect):
    """After so many unread bytes; a small rest is passed over, and the connection goes on."""
    address = serve(checking(hello), checks_heads=True)
    head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n"
    small, large = connect(address), connect(address)
    small.sendall(head.format(5).encode())
    assert receive(small, b"no token")
    small.sendall(b"12345" + b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\n\r\n")
    large.sendall(head.format(1_500_000_000).encode())

    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        large.sendall(b"x" * 500 * MIB)

    assert receive(small, b"hello").startswith(b"HTTP/1.1 200")
    assert receive(large, b"no token").startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(("number", "status"), [(limits.rest_headers_max - 2, 200), (5000, 431)])
def test_a_request_has_a_bounded_number_of_headers(serve, number, status):
    """Each costs time, however short it is."""
    headers = {f"A{each}": "x" for each in range(number - 1)}

    assert call(serve(hello), headers=headers)[0].status == status


@pytest.mark.parametrize(("size", "status"), [(1, 400), (limits.rest_chunk_bytes_min, 200)])
def test_a_body_of_many_tiny_chunks_is_refused(serve, connect, size, status):
    """Each chunk costs time, however small it is."""
    connection = connect(serve(digest_of_body))
    chunk = b"%x\r\n%s\r\n" % (size, b"x" * size)
    connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(OSError):
        connection.sendall(chunk * (limits.rest_small_chunks_max + 10) + b"0\r\n\r\n")

    assert connection.recv(1000).startswith(f"HTTP/1.1 {status} ".encode())


def read_of_one_turned_away(connection):
    """Nothing, or a connection that was reset."""
    try:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        return connection.recv(1000)
    except OSError:
        return b""


def test_a_view_that_breaks_is_a_500_and_the_server_goes_on(serve, caplog):
    """The log tells why."""

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/broken":
            raise RuntimeError("it broke")
        return hello(environ, start_response)

    address = serve(app)

    assert call(address, path="/broken")[0].status == 500
    assert call(address)[0].status == 200
    assert "it broke" in caplog.text


class Waiting:
    """An application whose answers wait until it changes."""

    def __init__(self, seconds=SECONDS):
        self.listeners = Listeners(10_000)
        self.state = b"old"
        self.seconds = seconds
        self.awaited = threading.Semaphore(0)
        self.threads = set()

    def __call__(self, environ, start_response):
        self.threads.add(threading.current_thread().name)
        body = answer_when(environ, self.seconds, self.listen, self.look)
        return answer(start_response, body or b"")

    def listen(self):
        listener = self.listeners.add(Interest())
        self.awaited.release()
        return listener

    def look(self):
        return Look(self.state, self.state == b"new")

    def change(self):
        self.state = b"new"
        self.listeners.wake_all()


def ask(connection):
    connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")


def test_those_who_wait_take_no_thread(serve, connect):
    """Hundreds wait beside two threads, and others are answered meanwhile; all hear of the change."""
    app = Waiting()
    address = serve(app, threads=2)
    waiting = [connect(address) for _ in range(300)]
    for each in waiting:
        ask(each)
    for _ in waiting:
        assert app.awaited.acquire(timeout=SECONDS)

    app.change()

    assert call(address)[1] == b"new"
    assert all(read_all(each).endswith(b"new") for each in waiting)
    assert len(app.threads) <= 2
    assert len(app.listeners) == 0


def test_a_wait_ends_with_its_time(serve):
    """The answer is the state as it is."""
    assert call(serve(Waiting(seconds=0.05)))[1] == b"old"


def test_a_caller_who_goes_while_waiting_frees_the_place(serve, connect):
    """Nobody waits for a caller that is gone."""
    app, gone = Waiting(), threading.Event()
    remove = app.listeners._discard
    app.listeners._discard = lambda listener: (remove(listener), gone.set())
    connection = connect(serve(app))
    ask(connection)
    assert app.awaited.acquire(timeout=SECONDS)
    connection.close()

    assert gone.wait(SECONDS)
    assert len(app.listeners) == 0


def test_a_server_that_stops_answers_those_who_wait(serve, connect):
    """With the state as it is, and at once."""
    app = Waiting()
    connection = connect(serve(app))
    ask(connection)
    assert app.awaited.acquire(timeout=SECONDS)

    serve.end()

    assert read_all(connection).endswith(b"old")


def test_a_server_that_stops_ends_connections_without_a_request(serve, connect):
    """Nothing is to be waited for there."""
    address = serve(hello)
    connection = connect(address)
    connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert receive(connection, b"hello").startswith(b"HTTP/1.1 200")

    serve.end()

    assert connection.recv(1000) == b""


def test_a_server_that_stops_finishes_the_answer_that_is_under_way(serve, connect):
    """The view goes on to its end."""
    is_under_way, may_end = threading.Event(), threading.Event()

    def app(_environ, start_response):
        is_under_way.set()
        assert may_end.wait(SECONDS)
        return answer(start_response, b"whole")

    connection = connect(serve(app))
    ask(connection)
    assert is_under_way.wait(SECONDS)
    ending = threading.Thread(target=serve.end)
    ending.start()
    may_end.set()

    assert read_all(connection).endswith(b"whole")
    ending.join(SECONDS)


def test_without_this_server_a_view_waits_in_its_thread():
    """Any WSGI server can call it."""
    app, bodies = Waiting(), []

    def run():
        bodies.extend(app({}, lambda *_: None))

    thread = threading.Thread(target=run)
    thread.start()
    assert app.awaited.acquire(timeout=SECONDS)
    app.change()
    thread.join(SECONDS)

    assert bodies == [b"new"]
