"""A network with two combiners and a client on the first, and calls with any token."""

import contextlib

import numpy as np
import pytest
from agents import Trainer
from rogue_combiner import RogueCombiner

from fednet.errors import FednetError
from fednet.http import Http
from fednet.parameters import write_model
from fednet.rpc import open_channel, rpc_errors
from fednet.testing import Network
from fednet.wire import models_pb2, models_pb2_grpc, rounds_pb2, rounds_pb2_grpc, tasks_pb2_grpc
from fednet.wire.tasks_pb2 import ClientMessage

SECONDS = 200


@pytest.fixture
def net(tmp_path):
    with Network(combiners=2, data_dir=tmp_path / "network") as net:
        write_model(tmp_path / "seed.npz", [np.zeros(2, np.float32)])
        assert net.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
        net.add_client("site", train=Trainer(), preferred_combiner="combiner-1")
        yield net


@pytest.fixture
def rogue(net):
    """Give a function that adds a rogue combiner to the network."""
    with contextlib.ExitStack() as opened:

        def add(name="rogue", claimed=()):
            return opened.enter_context(contextlib.closing(RogueCombiner(net, name, claimed)))

        yield add


@pytest.fixture
def refusal_of(net):
    """Give a function that makes a call with a token, and returns the error that answers it; None if there is none."""

    def call(where, token, method, path=""):
        try:
            if where == "REST":
                with contextlib.closing(Http(net.api_url, token)) as http:
                    http.call(method, path)
            else:
                call_combiner(net._combiners[where].address, token, method)
        except FednetError as error:
            return error
        return None

    return call


def call_combiner(address, token, method):
    """Make a call of a combiner, and wait for its first answer."""
    channel = open_channel(address, token)
    calls = {
        "Connect": lambda: next(
            tasks_pb2_grpc.TasksStub(channel).Connect(iter([ClientMessage(hello={})]))
        ),
        "Received": lambda: models_pb2_grpc.ModelsStub(channel).Received(
            models_pb2.UploadId(task_id="t"), timeout=SECONDS
        ),
        "Plan": lambda: rounds_pb2_grpc.RoundsStub(channel).Plan(
            rounds_pb2.PlanRequest(), timeout=SECONDS
        ),
        "Watch": lambda: next(
            rounds_pb2_grpc.RoundsStub(channel).Watch(
                iter([rounds_pb2.WatchMessage(hello={"controller": "thief"})])
            )
        ),
    }
    try:
        with rpc_errors():
            calls[method]()
    finally:
        channel.close()
