"""A combiner stays in its network, and its folder is its own."""

import asyncio
import shutil
import socket
import threading

import grpc.aio
import pytest

from fednet import APIClient, limits
from fednet.combiner.registration import pause_seconds
from fednet.combiner.server import Combiner, serve
from fednet.controller.server import Controller
from fednet.errors import AlreadyExists, FailedPrecondition, Unauthenticated
from fednet.processes import FolderLock
from fednet.settings import CombinerSettings, ControllerSettings


@pytest.fixture
def controller(tmp_path):
    """Give a function that starts a controller on a folder and a port; earlier ones are stopped."""
    running = []

    def start(port=0):
        while running:
            running.pop().stop()
        settings = ControllerSettings(port=port, data_dir=tmp_path / "controller")
        running.append(Controller.start(settings))
        return running[0]

    yield start
    while running:
        running.pop().stop()


def combiner_of(controller, tmp_path, name="combiner-1"):
    return CombinerSettings(
        name=name,
        api_url=controller.api_url,
        token=controller.token,
        port=0,
        data_dir=tmp_path / "combiner-1",
    )


async def test_a_combiner_that_a_restored_store_does_not_know_registers_again(
    controller, tmp_path, monkeypatch
):
    """The combiner registers by itself, once nobody has watched for a while."""
    monkeypatch.setattr(limits, "registration_seconds", 0.1)
    first = await asyncio.to_thread(controller)
    port = int(first.api_url.rpartition(":")[2])
    await asyncio.to_thread(first.stop)
    shutil.copytree(tmp_path / "controller", tmp_path / "backup")
    second = await asyncio.to_thread(controller, port)
    combiner = await Combiner.start(combiner_of(second, tmp_path))
    watched = combiner._engine.outbox.watched
    await watched.by_somebody.wait()
    await asyncio.to_thread(second.stop)
    await watched.by_nobody.wait()

    shutil.rmtree(tmp_path / "controller")
    shutil.copytree(tmp_path / "backup", tmp_path / "controller")
    await asyncio.to_thread(controller, port)

    await watched.by_somebody.wait()
    await combiner.stop()


async def test_a_second_combiner_cannot_have_the_folder_of_the_first(controller, tmp_path):
    """The second one is refused by the name of its setting; after the first has stopped, it may start."""
    running = await asyncio.to_thread(controller)
    first = await Combiner.start(combiner_of(running, tmp_path))

    with pytest.raises(FailedPrecondition, match="is in use by") as refusal:
        await Combiner.start(combiner_of(running, tmp_path, "combiner-2"))
    assert refusal.value.field == "data_dir"

    await first.stop()
    second = await Combiner.start(combiner_of(running, tmp_path, "combiner-2"))
    await second.stop()


async def test_a_combiner_that_moved_while_the_controller_was_away_is_found_again(
    controller, tmp_path, monkeypatch
):
    """It starts with the credentials that it has kept, and registers its new port once nobody watches."""
    monkeypatch.setattr(limits, "registration_seconds", 0.1)
    running = await asyncio.to_thread(controller)
    port = int(running.api_url.rpartition(":")[2])
    settings = combiner_of(running, tmp_path)
    first = await Combiner.start(settings)
    await first._engine.outbox.watched.by_somebody.wait()
    await asyncio.to_thread(running.stop)
    await first.stop()

    with socket.create_server(("127.0.0.1", int(first.address.rpartition(":")[2]))):
        second = await Combiner.start(settings)
        await asyncio.to_thread(controller, port)
        await second._engine.outbox.watched.by_somebody.wait()

    assert second.address != first.address
    await second.stop()


async def test_a_combiner_that_was_removed_ends_and_says_why(controller, tmp_path, monkeypatch):
    """Its own token does not bring it back, and it has no other; so its clients find another combiner."""
    monkeypatch.setattr(limits, "registration_seconds", 0.1)
    running = await asyncio.to_thread(controller)
    first = await Combiner.start(combiner_of(running, tmp_path))
    await first.stop()
    combiner = await Combiner.start(
        combiner_of(running, tmp_path).model_copy(update={"token": None})
    )
    await combiner._engine.outbox.watched.by_somebody.wait()
    channel = grpc.aio.insecure_channel(combiner.address)
    await channel.channel_ready()

    def remove():
        with APIClient(running.api_url, token=running.token) as api:
            id_ = api.get_combiners()["result"][0]["id"]
            api._http.call("DELETE", f"/api/v1/combiners/{id_}")

    await asyncio.to_thread(remove)

    never = asyncio.get_running_loop().create_future()
    with pytest.raises(Unauthenticated, match="removed from the network"):
        await combiner.serve(never)
    await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
    await channel.close()
    await combiner.stop()


async def test_a_combiner_that_was_removed_comes_back_with_an_admins_token(
    controller, tmp_path, monkeypatch
):
    """As under `fednet up`, where it has that token."""
    monkeypatch.setattr(limits, "registration_seconds", 0.1)
    running = await asyncio.to_thread(controller)
    combiner = await Combiner.start(combiner_of(running, tmp_path))
    watched = combiner._engine.outbox.watched
    await watched.by_somebody.wait()

    def remove():
        with APIClient(running.api_url, token=running.token) as api:
            id_ = api.get_combiners()["result"][0]["id"]
            api._http.call("DELETE", f"/api/v1/combiners/{id_}")

    await asyncio.to_thread(remove)
    await watched.by_nobody.wait()

    await watched.by_somebody.wait()
    await combiner.stop()


async def test_a_second_process_of_a_combiner_is_refused_with_the_address_of_the_first(
    controller, tmp_path, monkeypatch
):
    """Whatever its folder and its token; the first one keeps its clients."""
    monkeypatch.setattr(limits, "joining_seconds_max", 0.1)
    running = await asyncio.to_thread(controller)
    first = await Combiner.start(combiner_of(running, tmp_path))
    assert await asyncio.to_thread(
        running.presence.wait_for_combiner, "combiner-1", limits.start_seconds_max
    )
    elsewhere = combiner_of(running, tmp_path).model_copy(update={"data_dir": tmp_path / "other"})

    with pytest.raises(AlreadyExists, match=f"connected at {first.address}"):
        await Combiner.start(elsewhere)

    await first.stop()


def test_a_combiner_that_is_told_to_stop_while_it_registers_ends_at_once(tmp_path):
    """It has nothing to finish; its port and its folder are free again."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = CombinerSettings(
            name="combiner-1",
            api_url=f"http://127.0.0.1:{silent.getsockname()[1]}",
            token="t",
            port=0,
            data_dir=tmp_path / "combiner-1",
        )
        stop, ready = threading.Event(), []
        running = threading.Thread(target=serve, args=(settings, ready.append, stop))
        running.start()
        caller, _ = silent.accept()
        stop.set()
        running.join(limits.call_seconds_max / 2)  # it would wait longer for an answer

        assert not running.is_alive()
        caller.close()
    assert ready == []
    FolderLock(settings.data_dir, "combiner").release()


def test_the_pause_between_registrations_grows_up_to_a_limit():
    """The first pause is exact, so that a restored network is whole soon; later ones differ between combiners."""
    assert pause_seconds(0) == limits.registration_seconds
    first, last = limits.registration_seconds, limits.registration_seconds_max
    for attempts, longest in ((1, 2 * first), (2, 4 * first), (9, last), (9999, last)):
        assert 0.75 * longest <= pause_seconds(attempts) <= longest
    assert len({pause_seconds(9) for _ in range(100)}) > 1
