"""A real network for the agent, agents in it, and a link to a combiner that breaks on demand."""

import dataclasses

import numpy as np
import pytest
from agents import Running, Trainer

from fednet.client import connection
from fednet.client.agent import Agent
from fednet.client.runtime import CallbackRuntime
from fednet.parameters import write_model
from fednet.settings import ClientSettings
from fednet.testing import FaultProxy, Network


@pytest.fixture
def net(tmp_path):
    """Give a network with one combiner and a model of 10 kB."""
    with Network(data_dir=tmp_path / "network") as net:
        write_model(tmp_path / "seed.npz", [np.zeros((50, 50), np.float32)])
        assert net.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
        yield net


@pytest.fixture
def start(net, tmp_path):
    """Give a function that starts agents of the network, by default named `a`; all have to end soon when told to."""
    running = []

    def start_one(train=None, *, validate=None, waits=True, **settings):
        defaults = {
            "name": "a",
            "api_url": net.api_url,
            "token": net.token,
            "data_dir": tmp_path / "client",
        }
        runtime = CallbackRuntime(train or Trainer(), validate)
        one = Running(lambda ready: Agent(ClientSettings(**defaults | settings), runtime, ready))
        running.append(one)
        if waits:
            one.ready.get(timeout=200)
        return one

    yield start_one
    for one in running:
        one.stop()


@pytest.fixture
def link(net, monkeypatch):
    """Give a proxy between this process's clients and their combiner; the controller goes another way."""
    ask = connection.enrol_client
    with FaultProxy(net._combiners["combiner-1"].address) as proxy:

        def ask_and_redirect(*arguments, **options):
            return dataclasses.replace(ask(*arguments, **options), address=proxy.address)

        monkeypatch.setattr(connection, "enrol_client", ask_and_redirect)
        yield proxy
