"""The link to a combiner: news come again until they are stored, orders get an answer, a close ends."""

import queue
import socket
import threading

import numpy as np
import pytest

from fednet import limits
from fednet.controller.measures import ControllerMetrics
from fednet.controller.sessions.engine.link import CombinerAt, CombinerLink
from fednet.controller.sessions.engine.news import ShareClosed, Snapshot
from fednet.controller.sessions.engine.requests import Call
from fednet.controller.tokens.control import ControlTokens
from fednet.controller.tokens.trust import TrustChange
from fednet.errors import NotFound, Unavailable
from fednet.identity import Signer, keep_signing_key, new_signing_key
from fednet.parameters import write_model
from fednet.testing import Network
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

SECONDS = 200
RIGHT = rounds_pb2.Authority(controller="controller", term=1, session_id="s")


def start(phase):
    return Call("Start", phase)


def order(method):
    return Call(method, rounds_pb2.PhaseOrder(phase_id="p", authority=RIGHT))


@pytest.fixture
def network(tmp_path, controllers):
    """Give a combiner with a client, and nobody who watches it."""
    write_model(tmp_path / "seed.npz", [np.zeros(2, np.float32)])
    with Network(data_dir=tmp_path / "network") as net:
        net.add_client("site", train=lambda parameters, _: (parameters, {"num_examples": 1}))
        net.api.set_active_model(str(tmp_path / "seed.npz"))
        controllers[-1]._engine.close()
        yield net


@pytest.fixture
def phase(network):
    """Return a training for the client."""
    model = network.api.get_active_model()
    ref = common_pb2.BlobRef(
        kind=common_pb2.BlobRef.MODEL,
        id=model["id"],
        size_bytes=model["size_bytes"],
        digest=model["digest"],
    )
    return rounds_pb2.Phase(
        phase_id="11111111-1111-1111-1111-111111111111",
        kind=tasks_pb2.TRAIN,
        model=ref,
        helper="numpyhelper",
        clients=[network.api.get_clients()["result"][0]["id"]],
        seconds_max=SECONDS,
        aggregator="fedavg",
        session_id="s",
        authority=RIGHT,
    )


class Reader:
    """The news that a link has absorbed, and the number of times that the combiner was away."""

    def __init__(self, failures=0):
        self.events = queue.Queue()
        self.downs = queue.Queue()
        self.failures = failures

    def absorb(self, _name, batch):
        if self.failures and any(event.number for event in batch):
            self.failures -= 1
            raise RuntimeError("a bug")
        for event in batch:
            self.events.put(event)

    def until(self, kind):
        """Take events until one of this kind; return the numbers of all."""
        numbers = []
        while True:
            event = self.events.get(timeout=SECONDS)
            numbers.append(event.number)
            if isinstance(event.what, kind):
                return numbers


@pytest.fixture
def open_link(tmp_path):
    """Give a function that makes a link; it is closed at the end."""
    links = []

    def make(address, reader, combiner_id="nobody"):
        pem = keep_signing_key(
            tmp_path / "network", new_signing_key()
        )  # the network's, if one runs
        tokens = ControlTokens("controller", Signer.from_pem(pem).sign_claims)
        links.append(
            CombinerLink(
                "k",
                CombinerAt(combiner_id, address),
                tokens.for_combiner(combiner_id),
                "controller",
                TrustChange,
                ControllerMetrics(),
                absorb=reader.absorb,
                on_down=reader.downs.put,
            )
        )
        return links[-1]

    yield make
    for link in links:
        link.close()


def combiner_of(network):
    return network.api.get_combiners()["result"][0]


def address_of(network):
    combiner = combiner_of(network)
    return f"{combiner['address']}:{combiner['port']}"


@pytest.fixture
def nowhere():
    """Return an address at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"127.0.0.1:{port}"


def test_a_stream_begins_with_a_snapshot_and_its_end_is_told_once(network, open_link):
    """The snapshot makes presence known from the beginning."""
    reader = Reader()
    link = open_link(address_of(network), reader, combiner_of(network)["id"])

    first = reader.events.get(timeout=SECONDS)
    link.close()

    assert isinstance(first.what, Snapshot)
    assert list(reader.downs.queue) == ["k"]


def test_news_that_could_not_be_stored_come_again(network, open_link, phase):
    """All news comes again in its order; the stream recovers by itself."""
    reader = Reader(failures=2)
    link = open_link(address_of(network), reader, combiner_of(network)["id"])
    answers = queue.Queue()

    link.give(start(phase), answers.put)

    assert answers.get(timeout=SECONDS) == rounds_pb2.PhaseStarted()
    numbers = [number for number in reader.until(ShareClosed) if number]
    assert numbers == [1, 2, 3]
    assert reader.failures == 0


def test_news_that_were_not_acknowledged_come_to_the_next_link(network, open_link, phase):
    """Nothing is lost when the controller dies before it has stored."""
    deaf = Reader(failures=10**6)
    link = open_link(address_of(network), deaf, combiner_of(network)["id"])
    answers = queue.Queue()
    link.give(start(phase), answers.put)
    answers.get(timeout=SECONDS)
    link.close()
    reader = Reader()

    open_link(address_of(network), reader, combiner_of(network)["id"])

    assert [number for number in reader.until(ShareClosed) if number] == [1, 2, 3]


def test_an_order_that_is_refused_is_answered_with_the_combiners_error(network, open_link, phase):
    """The error has the same class as at the combiner, so that the session knows if it may ask again."""
    link, answers = (
        open_link(address_of(network), Reader(), combiner_of(network)["id"]),
        queue.Queue(),
    )
    phase.model.id = "22222222-2222-2222-2222-222222222222"

    link.give(start(phase), answers.put)

    assert isinstance(answers.get(timeout=SECONDS), NotFound)


def test_orders_to_a_combiner_that_is_away_are_answered_as_unavailable(
    open_link, nowhere, monkeypatch
):
    """The answer comes after a bounded number of attempts."""
    monkeypatch.setattr(limits, "retry_attempts_max", 2)
    link, answers = open_link(nowhere, Reader()), queue.Queue()

    link.give(order("Close"), answers.put)

    assert isinstance(answers.get(timeout=SECONDS), Unavailable)


def test_a_closed_link_takes_no_orders_and_harms_nobody(open_link, nowhere):
    """The link that follows is asked again; an order under way ends as unavailable, never as refused."""
    link, answers = open_link(nowhere, Reader()), queue.Queue()
    link.give(order("Close"), answers.put)

    link.close()
    link.give(order("Close"), answers.put)
    link.give(order("Release"), answers.put)
    link.close()

    assert all(isinstance(answer, Unavailable) for answer in answers.queue)
    assert answers.qsize() <= 1


def test_a_close_ends_though_news_wait_to_be_stored(network, open_link):
    """The close ends as soon as the storing function returns."""
    let_go, storing = threading.Event(), threading.Event()

    class Slow(Reader):
        def absorb(self, _name, _batch):
            storing.set()
            assert let_go.wait(SECONDS)

    link = open_link(address_of(network), Slow(), combiner_of(network)["id"])
    assert storing.wait(SECONDS)
    closing = threading.Thread(target=link.close)
    closing.start()

    let_go.set()

    closing.join(SECONDS)
    assert not closing.is_alive()
