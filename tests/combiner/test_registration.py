"""A combiner stays in its network, and its folder is its own."""

import asyncio
import shutil

import pytest

from fednet import limits
from fednet.combiner.registration import pause_seconds
from fednet.combiner.server import Combiner
from fednet.controller.server import Controller
from fednet.errors import FailedPrecondition
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


def test_the_pause_between_registrations_grows_up_to_a_limit():
    """The first pause is exact, so that a restored network is whole soon; later ones differ between combiners."""
    assert pause_seconds(0) == limits.registration_seconds
    for attempts, longest in ((1, 20.0), (2, 40.0), (3, 60.0), (9, 60.0), (9999, 60.0)):
        assert 0.75 * longest <= pause_seconds(attempts) <= longest
    assert len({pause_seconds(9) for _ in range(100)}) > 1
