"""Strangers who open connections, and say little or nonsense: nobody else notices."""

import contextlib
import itertools
import resource
import socket

import numpy as np
import pytest
import requests
from bad_tokens import odd_texts

from fednet.errors import Unauthenticated
from fednet.rpc import open_channel, rpc_errors
from fednet.testing import Network
from fednet.wire import models_pb2, models_pb2_grpc

SECONDS = 200
CONNECTIONS = 500
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
TO_CONTROLLER = (b"", b"G", b"GET /health HTTP/1.1\r\nHo", b"POST /api/v1/sessions/ HTTP/1.1\r\n")
TO_COMBINER = (b"", b"P", PREFACE[:20], PREFACE, b"\x16\x03\x01\x02\x00")


@pytest.fixture
def many_files():
    """Let this process open both ends of all connections."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * CONNECTIONS + 1000
    assert before[1] == resource.RLIM_INFINITY or before[1] >= wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], wanted), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def net():
    with Network() as net:
        net.api.set_active_model([np.zeros(3, np.float32)])
        yield net


@pytest.fixture(scope="module")
def gates():
    """The addresses of a controller and a combiner."""
    with Network() as net:
        yield net.api_url, net._combiners["combiner-1"].address


def train(parameters, _settings):
    return [array + 1 for array in parameters], {"num_examples": 1}


def place_of(url):
    host, _, port = url.rpartition("//")[2].rpartition(":")
    return host, int(port)


@pytest.mark.usefixtures("many_files")
def test_five_hundred_half_open_connections_hinder_no_session(net):
    """To the controller and to the combiner alike: a client joins, trains, and the health check answers."""
    places = ((net.api_url, TO_CONTROLLER), (net._combiners["combiner-1"].address, TO_COMBINER))
    with contextlib.ExitStack() as opened:
        for address, beginnings in places:
            for beginning in itertools.islice(itertools.cycle(beginnings), CONNECTIONS):
                silent = opened.enter_context(socket.create_connection(place_of(address)))
                silent.sendall(beginning)

        net.add_client("a", train=train)
        net.api.start_session("s", rounds=1, validate=False)
        session = net.api.wait_session("s", timeout=SECONDS)
        health = requests.get(f"{net.api_url}/health", timeout=SECONDS)

    assert session["status"] == "FINISHED", session["reason"]
    assert health.status_code == 200


@pytest.mark.parametrize("text", odd_texts().values(), ids=list(odd_texts()))
def test_a_text_that_is_no_token_is_refused_by_every_gate(gates, text):
    """By 401 and UNAUTHENTICATED, as any other wrong token, and the servers go on."""
    api_url, combiner = gates
    headers = {"Authorization": f"Bearer {text}".encode()}

    answer = requests.get(f"{api_url}/api/v1/clients/", headers=headers, timeout=SECONDS)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    if text.isascii():  # gRPC sends no other
        with pytest.raises(Unauthenticated), rpc_errors():
            received(combiner, text)


def received(address, token):
    with contextlib.closing(open_channel(address, token)) as channel:
        request = models_pb2.UploadId(task_id="task")
        models_pb2_grpc.ModelsStub(channel).Received(request, timeout=SECONDS)
