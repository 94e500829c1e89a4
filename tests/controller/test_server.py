"""A controller process: it starts whole or not at all, and ends whole."""

import json
import socket
import stat
import threading

import pytest

from fednet.addresses import host_of, is_wildcard
from fednet.api_client import APIClient
from fednet.controller.server import Controller, serve
from fednet.errors import FednetError, Unavailable
from fednet.identity import read_local_network
from fednet.settings import ControllerSettings

SECONDS = 200


@pytest.fixture
def settings(tmp_path):
    return ControllerSettings(port=0, data_dir=tmp_path / "data")


def port_of(controller):
    return int(controller.api_url.rpartition(":")[2])


def is_free(port):
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_serve_says_where_it_answers_and_ends_when_told(settings):
    """With the token that opens it."""
    ready, stop, told = threading.Event(), threading.Event(), {}

    def on_ready(place):
        told.update(place)
        ready.set()

    serving = threading.Thread(target=serve, args=[settings, on_ready, stop])
    serving.start()
    assert ready.wait(SECONDS)
    count = APIClient(told["api_url"], token=told["token"]).get_clients()["count"]
    stop.set()
    serving.join(SECONDS)

    assert count == 0
    assert not serving.is_alive()
    assert is_free(int(told["api_url"].rpartition(":")[2]))


def test_where_the_network_is_lies_in_a_private_file(settings):
    """So that the command finds it on the same machine, and nobody else does."""
    controller = Controller.start(settings)
    controller.stop()

    file = settings.data_dir / "network.json"
    assert json.loads(file.read_text()) == {
        "api_url": controller.api_url,
        "token": controller.token,
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_start_empties_the_folders_of_files_that_were_being_received(settings):
    """Its own one, whose process is dead, and the one that an earlier version had."""
    folders = [settings.data_dir / "controllers" / "controller" / "incoming"]
    folders += [settings.data_dir / "incoming"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "upload-1").write_bytes(b"half")

    Controller.start(settings).stop()

    assert not any((folder / "upload-1").exists() for folder in folders)


def test_a_start_leaves_what_another_controller_of_the_folder_receives(settings):
    """It may still be at it."""
    other = settings.data_dir / "controllers" / "other" / "incoming"
    other.mkdir(parents=True)
    (other / "upload-1").write_bytes(b"half")

    Controller.start(settings).stop()

    assert (other / "upload-1").read_bytes() == b"half"


def test_a_port_that_is_taken_is_named_with_what_to_do(settings):
    """The one that runs is not disturbed."""
    first = Controller.start(settings)
    other = ControllerSettings(port=port_of(first), data_dir=settings.data_dir)

    with pytest.raises(Unavailable, match="--port") as refused:
        Controller.start(other)

    assert refused.value.field == "port"
    assert APIClient(first.api_url, token=first.token).get_clients()["count"] == 0
    first.stop()


def test_a_start_that_fails_leaves_nothing_open(settings, monkeypatch):
    """Neither the port nor a thread, whatever failed last."""
    before = set(threading.enumerate())
    ports = []

    def broken(_data_dir, api_url, *_):
        ports.append(int(api_url.rpartition(":")[2]))
        raise Unavailable("The disk is full.")

    monkeypatch.setattr("fednet.controller.server.write_local_network", broken)
    with pytest.raises(Unavailable, match="disk"):
        Controller.start(settings)

    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert is_free(ports[0])
    assert not {name for name in left if name.startswith(("link-", "session-", "rest"))}


def test_a_store_that_cannot_be_opened_leaves_the_port_free(tmp_path):
    """The error is one of ours."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "file").write_text("no folder")
    settings = ControllerSettings(
        port=port, data_dir=tmp_path / "data", blob_store=f"file://{tmp_path}/file/blobs"
    )

    with pytest.raises(FednetError):
        Controller.start(settings)

    assert is_free(port)


def test_a_controller_that_comes_back_is_the_same(settings):
    """Its admin token and what it remembers stay."""
    first = Controller.start(settings)
    first.stop()

    again = Controller.start(settings)
    again.stop()

    assert again.token == first.token


def test_a_stop_twice_is_one(settings):
    """Who takes it apart need not remember."""
    controller = Controller.start(settings)

    controller.stop()
    controller.stop()

    assert is_free(port_of(controller))


def test_a_second_controller_in_the_folder_replaces_no_address(settings):
    """`network.json` leads to both, the newest first."""
    first = Controller.start(settings)
    second = Controller.start(settings.model_copy(update={"name": "second"}))
    local = read_local_network(settings.data_dir)
    second.stop()
    first.stop()

    assert local.api_url == f"{second.api_url},{first.api_url}"


@pytest.mark.parametrize("host", ["::1", "[::1]", "::"])
def test_a_controller_serves_on_ipv6(tmp_path, ipv6_loopback, host):
    """With and without brackets; on all addresses of the machine, IPv4 among them, too."""
    controller = Controller.start(
        ControllerSettings(host=host, port=0, data_dir=tmp_path, insecure=host == "::")
    )
    port = port_of(controller)
    urls = [f"http://[{ipv6_loopback}]:{port}"] + [f"http://127.0.0.1:{port}"] * (host == "::")
    found = []
    for url in urls:
        with APIClient(url, token=controller.token) as api:
            found.append(api.get_clients()["count"])
    with APIClient(ipv6_loopback, port, token=controller.token) as api:
        found.append(api.get_clients()["count"])
    lease = api_of(controller)
    controller.stop()

    assert controller.api_url == f"http://[::1]:{port}"
    assert found == [0] * len(found)
    assert not is_wildcard(host_of(lease))
    assert read_local_network(tmp_path).api_url == controller.api_url


def api_of(controller):
    """The address that other controllers are told."""
    (lease,) = controller._engine._leases.living.values()
    return lease["address"]
