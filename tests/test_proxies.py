"""Proxies of the environment: never for loopback, for other hosts as the variables say, and named by errors."""

import json
import os
import socket
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from fednet import limits
from fednet.errors import FednetError, Unavailable
from fednet.http import Http
from fednet.proxies import grpc_proxy_of, http_proxy_of
from fednet.rpc import open_channel, rpc_errors
from fednet.testing import Network
from fednet.wire import tasks_pb2, tasks_pb2_grpc

ELSEWHERE = "http://controller.invalid:8092"  # RFC 2606: no such host
SECONDS = 200
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "grpc_proxy", "no_grpc_proxy")


@pytest.fixture(autouse=True)
def _no_proxies_from_outside(monkeypatch):
    """A test sets those that it needs; retries do not keep it waiting."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(limits, "retry_seconds_first", 0.001)
    monkeypatch.setattr(limits, "retry_attempts_max", 1)


class Asked(BaseHTTPRequestHandler):
    """A proxy that answers by itself, and keeps what it was asked for."""

    def answer(self):
        self.server.asked.append(self.path)
        body = self.server.body
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_CONNECT = answer  # noqa: N815  the server looks for these names

    def log_message(self, *_):
        """Keep the tests' output clean."""


@pytest.fixture
def proxy():
    """A running proxy, with `url`, `asked`, `status` and `body`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        server.asked, server.status, server.body = [], 200, json.dumps({"by": "proxy"}).encode()
        server.url = f"http://user:secret@127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def no_proxy_there():
    """The URL of a proxy that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    return f"http://user:secret@127.0.0.1:{port}"


def call(url):
    with closing(Http(url, None)) as http:
        return http.call("GET", "/health")


@pytest.mark.parametrize("variable", ["http_proxy", "all_proxy", "ALL_PROXY", "HTTP_PROXY"])
def test_other_hosts_are_reached_through_the_proxy(monkeypatch, proxy, variable):
    """The proxy finds the host; this machine need not know it."""
    monkeypatch.setenv(variable, proxy.url)

    assert call(ELSEWHERE) == {"by": "proxy"}
    assert proxy.asked == [f"{ELSEWHERE}/health"]


@pytest.mark.parametrize(
    "no_proxy", ["controller.invalid", "invalid", ".invalid", "a,controller.invalid:8092", "*"]
)
def test_no_proxy_is_honoured(monkeypatch, proxy, no_proxy):
    """The error of a host that is reached directly names no proxy."""
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", no_proxy)

    with pytest.raises(Unavailable) as refused:
        call(ELSEWHERE)

    assert proxy.asked == []
    assert "proxy" not in refused.value.message


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("http_proxy", ELSEWHERE),
        ("ALL_PROXY", ELSEWHERE),
        ("https_proxy", "https://controller.invalid"),
        ("HTTPS_PROXY", "https://controller.invalid"),
    ],
)
def test_the_error_names_proxy_and_variable(monkeypatch, no_proxy_there, variable, url):
    """Without the password, with the way out."""
    monkeypatch.setenv(variable, no_proxy_there)

    with pytest.raises(Unavailable) as refused:
        call(url)

    message = refused.value.message
    assert f"the proxy {no_proxy_there.replace('user:secret@', '')}" in message
    assert variable in message
    assert "no_proxy" in message
    assert "secret" not in message


@pytest.mark.parametrize("status", [403, 407, 502, 503])
def test_a_refusal_of_the_proxy_itself_names_it(monkeypatch, proxy, status):
    """Such an answer is a page, and no controller has seen the request."""
    monkeypatch.setenv("http_proxy", proxy.url)
    proxy.status, proxy.body = status, b"<html>Denied</html>"

    with pytest.raises(FednetError, match=f"status {status}.*the proxy .* http_proxy"):
        call(ELSEWHERE)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", ELSEWHERE])
def test_the_environment_of_the_process_stays_as_it_is(monkeypatch, url):
    """Other threads read it, and start programs with it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    changes = []
    monkeypatch.setattr(type(os.environ), "__setitem__", lambda _, *change: changes.append(change))

    with pytest.raises(Unavailable):
        call(url)
    http_proxy_of(url)
    grpc_proxy_of(url.removeprefix("http://"))

    assert changes == []


def test_a_whole_network_on_loopback_uses_no_proxy(monkeypatch, tmp_path, proxy):
    """REST, gRPC and the transfer of models; whatever variables are set."""
    for name in VARIABLES:
        if not name.startswith("no_"):
            monkeypatch.setenv(name, proxy.url)
    np.savez(tmp_path / "seed.npz", **{"0": np.zeros(3)})
    with Network() as net:
        net.add_client("a", train=lambda parameters, _: (parameters, {"num_examples": 1}))
        net.api.set_active_model(str(tmp_path / "seed.npz"))
        net.api.start_session("first", rounds=1)
        session = net.api.wait_session("first", timeout=SECONDS)

    assert session["status"] == "FINISHED"
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("url", "is_direct"),
    [
        ("http://localhost:8092", True),
        ("http://127.0.0.2:8092", True),
        ("http://[::1]:8092", True),
        ("http://0.0.0.0:8092", True),
        ("http://127.example:8092", False),
        ("http://[2001:db8::1]:8092", False),
    ],
)
def test_loopback_is_known_by_its_address(monkeypatch, no_proxy_there, url, is_direct):
    """For both protocols."""
    monkeypatch.setenv("http_proxy", no_proxy_there)

    assert (http_proxy_of(url) is None) is is_direct
    assert (grpc_proxy_of(url.removeprefix("http://")) is None) is is_direct


def test_grpc_has_variables_of_its_own(monkeypatch, no_proxy_there):
    """grpc_proxy wins, and no_grpc_proxy wins over no_proxy."""
    monkeypatch.setenv("http_proxy", "http://other:3128")
    monkeypatch.setenv("grpc_proxy", no_proxy_there)
    monkeypatch.setenv("no_proxy", "combiner.invalid")

    assert grpc_proxy_of("combiner.invalid:12080") is None
    monkeypatch.setenv("no_grpc_proxy", "elsewhere.invalid")
    assert grpc_proxy_of("combiner.invalid:12080").variable == "grpc_proxy"
    assert grpc_proxy_of("elsewhere.invalid:12080") is None


@pytest.mark.parametrize(
    "no_proxy", ["10.0.0.0/8", "a, 10.1.2.3", "10.1.2.3:8092", "2001:db8::/32, 10.1.2.0/24"]
)
def test_no_proxy_may_have_addresses_and_networks(monkeypatch, no_proxy_there, no_proxy):
    """For both protocols."""
    monkeypatch.setenv("http_proxy", no_proxy_there)
    monkeypatch.setenv("no_proxy", no_proxy)

    assert http_proxy_of("http://10.1.2.3:8092") is None
    assert grpc_proxy_of("10.1.2.3:8092") is None
    assert http_proxy_of("http://11.1.2.3:8092") is not None


def test_the_error_of_a_grpc_call_names_the_proxy(monkeypatch, no_proxy_there):
    """A combiner elsewhere is reached through it."""
    monkeypatch.setenv("http_proxy", no_proxy_there)
    channel = open_channel("combiner.invalid:12080", "token")

    with pytest.raises(Unavailable, match=r"the proxy .* http_proxy"), rpc_errors(channel.proxy):
        next(tasks_pb2_grpc.TasksStub(channel).Connect(iter([tasks_pb2.ClientMessage()])))

    channel.close()
