"""A whole network in one process: what users' own tests stand on."""

import subprocess
import sys
import threading
from collections import defaultdict

import numpy as np
import pytest

from fednet import limits
from fednet.combiner.server import Combiner
from fednet.controller.presence import Presence
from fednet.errors import AlreadyExists, FednetError, InvalidInput
from fednet.testing import Network

SECONDS = 200


def train(parameters, _settings):
    return parameters, {"num_examples": 1}


def test_it_ends_with_everything_it_started():
    """No thread of ours and no folder is left."""
    before = set(threading.enumerate())
    with Network(combiners=2) as net:
        net.add_client("a", train=train)
        folder = net.data_dir

    left = {each.name for each in set(threading.enumerate()) - before}
    assert not left & {"combiners", "a", "a-connection", "rest"}
    assert not folder.exists()


def test_a_client_that_is_refused_leaves_its_name_free():
    """The next attempt under that name is no repetition."""
    with Network() as net:
        with pytest.raises(FednetError):
            net.add_client("../a", train=train)
        with pytest.raises(FednetError):
            net.add_client("../a", train=train)
        net.add_client("a", train=train)
        with pytest.raises((InvalidInput, AlreadyExists)):
            net.add_client("a", train=train)


def test_clients_and_combiners_come_and_go():
    """Under the names that they had."""
    with Network() as net:
        net.add_client("a", train=train)
        net.remove_client("a")
        net.remove_combiner("combiner-1")
        net.add_combiner("combiner-1")
        net.add_client("a", train=train)


@pytest.fixture
def _followed_late(monkeypatch):
    """Let a controller hear of a combiner only when the combiner has been started."""
    started, start, up = defaultdict(threading.Event), Combiner.start, Presence.combiner_up

    async def start_and_tell(settings):
        combiner = await start(settings)
        started[settings.name].set()
        return combiner

    def up_once_started(presence, name, *arguments, **options):
        assert started[name].wait(SECONDS)
        up(presence, name, *arguments, **options)

    monkeypatch.setattr(Combiner, "start", start_and_tell)
    monkeypatch.setattr(Presence, "combiner_up", up_once_started)


@pytest.mark.usefixtures("_followed_late")
def test_a_client_is_placed_where_it_wants_to_be_however_soon_it_comes():
    """A combiner that was added can be chosen from then on."""
    with Network(combiners=2) as net:
        followed = set(net._controller.presence.connected())
        net.add_client("a", train=train, preferred_combiner="combiner-2")
        [client] = net.api.get_clients()["result"]

    assert followed == {"combiner-1", "combiner-2"}
    assert client["combiner"] == "combiner-2"


def test_a_failed_start_leaves_nothing(tmp_path):
    """Neither thread nor lock."""
    (tmp_path / "file").write_text("in the way")
    before = set(threading.enumerate())

    with pytest.raises(FednetError), Network(data_dir=tmp_path / "file"):
        pass

    left = {each.name for each in set(threading.enumerate()) - before}
    assert not left & {"combiners", "rest"}


def test_each_client_has_a_connection_of_its_own(monkeypatch):
    """A server bounds the streams of a connection: more clients of one process than that work all the same."""
    monkeypatch.setattr(limits, "connection_streams_max", 4)
    with Network() as net:
        net.api.set_active_model([np.ones(3, np.float32)])
        for number in range(6):
            net.add_client(f"c{number}", train=train)

        net.api.start_session("s", rounds=1, min_clients=6)

        assert net.api.wait_session("s", timeout=SECONDS)["status"] == "FINISHED"


def test_a_part_that_is_not_installed_is_named_with_its_extra():
    """As on a client's machine, which has no Flask: in a process of its own, for imports leave traces."""
    without_flask = "import sys; sys.modules['flask'] = None"
    start = "from fednet.testing import Network; Network().__enter__()"

    done = subprocess.run(
        [sys.executable, "-c", f"{without_flask}; {start}"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert "MissingExtra" in done.stderr
    assert "pip install 'fednet[controller]'" in done.stderr


@pytest.mark.parametrize("combiners", [-1, "2", 1.5, None])
def test_a_number_of_combiners_that_is_none_is_refused(combiners):
    """With the field, before anything is started."""
    with pytest.raises(InvalidInput) as refused:
        Network(combiners=combiners)

    assert refused.value.field == "combiners"


@pytest.mark.parametrize("name", ["", "x" * 129, "a/b"])
def test_a_name_that_nobody_has_is_refused(tmp_path, name):
    """With the field, for clients and combiners."""
    with Network(combiners=0, data_dir=tmp_path) as net:
        for add in (net.add_client, net.add_combiner):
            with pytest.raises(InvalidInput) as refused:
                add(name)
            assert refused.value.field == "name"
