"""A network behind nginx, which terminates TLS for REST and gRPC on one port."""

import threading
from contextlib import ExitStack

import numpy as np
import pytest
from servers.process import free_port

from fednet import limits
from fednet.api_client import APIClient
from fednet.parameters import write_model
from fednet.testing import Network

SECONDS = 200
IDLE_SECONDS = 10  # until nginx ends a connection on which nothing moves


@pytest.fixture
def behind_nginx(nginx, paper, tmp_path):
    """Give a function that starts a network with a client, all of whose calls go through nginx."""
    with ExitStack() as running:

        def start(keepalive_seconds, monkeypatch):
            monkeypatch.setattr(limits, "keepalive_seconds", keepalive_seconds)
            settings = {"ca": paper.ca, "behind_proxy": True}
            net = running.enter_context(Network(0, data_dir=tmp_path / "network", tls=settings))
            combiner = free_port()
            port = nginx(net.api_url.rpartition(":")[2], combiner, IDLE_SECONDS)
            net.api_url = f"https://127.0.0.1:{port}"
            net.api = running.enter_context(APIClient(net.api_url, token=net.token, ca=paper.ca))
            net.add_combiner("combiner-1", port=combiner, advertise_port=port)
            write_model(tmp_path / "seed.npz", [np.zeros(2, np.float32)])
            assert net.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
            net.add_client("site", train=lambda model, _: (model, {"num_examples": 1}))
            return net

        yield start


def broken_of(net):
    """Return an event that is set when the client's stream has ended."""
    broken, connection = threading.Event(), net._clients["site"]._agent._connection
    told = connection._on_disconnected
    connection._on_disconnected = lambda: (told(), broken.set())
    return broken


def trained(net):
    session = net.api.start_session(rounds=2, validate=False)
    return net.api.wait_session(session["session_id"], timeout=SECONDS)["status"]


def test_a_session_goes_through_one_port(behind_nginx, monkeypatch):
    """REST, and the streams of the client and of the controller; the combiner announces the proxy's address."""
    net = behind_nginx(limits.keepalive_seconds, monkeypatch)

    assert trained(net) == "FINISHED"
    combiner = net.api.get_combiners()["result"][0]
    announced = f"https://{combiner['address']}:{combiner['port']}"
    assert (announced, combiner["tls"]) == (net.api_url, True)


@pytest.mark.slow
def test_keepalive_holds_idle_streams(behind_nginx, monkeypatch):
    """The client's and the controller's, for longer than nginx lets anything be idle."""
    net = behind_nginx(1.0, monkeypatch)
    broken = broken_of(net)
    link = net._controller._engine._links._links["combiner-1"]
    watched = link._call

    assert not broken.wait(2.5 * IDLE_SECONDS)
    assert trained(net) == "FINISHED"
    assert not broken.is_set()
    assert link._call is watched


@pytest.mark.slow
def test_without_keepalive_nginx_ends_an_idle_stream(behind_nginx, monkeypatch):
    """So the test above shows that keepalive holds it."""
    net = behind_nginx(1000.0, monkeypatch)

    assert broken_of(net).wait(SECONDS)


@pytest.mark.parametrize("behind_proxy", [True, False])
def test_only_behind_a_proxy_are_its_words_about_callers_believed(tmp_path, behind_proxy):
    """Their address in the audit log, and https in the address that clients are told."""
    said = {
        "Host": "fednet.example.org",
        "X-Forwarded-For": "198.51.100.9, 203.0.113.7",
        "X-Forwarded-Proto": "https",
    }
    user = {"name": "ann", "role": "viewer", "password": "a long enough one"}

    with Network(0, data_dir=tmp_path, tls={"behind_proxy": behind_proxy}) as net:
        http = net.api._http
        config = http.call("GET", "/get_client_config", headers=said)
        http.call("POST", "/api/v1/users/", body=user, headers=said)
        entries = http.call("GET", "/api/v1/audit")["entries"]

    assert config["discover_port"] == (443 if behind_proxy else 80)
    assert entries[0]["address"] == ("203.0.113.7" if behind_proxy else "127.0.0.1")
