"""A whole network in one process: what users' own tests stand on."""

import subprocess
import sys
import threading

import pytest

from fednet.errors import AlreadyExists, FednetError, InvalidInput
from fednet.testing import Network


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


def test_a_failed_start_leaves_nothing(tmp_path):
    """Neither thread nor lock."""
    (tmp_path / "file").write_text("in the way")
    before = set(threading.enumerate())

    with pytest.raises(FednetError), Network(data_dir=tmp_path / "file"):
        pass

    left = {each.name for each in set(threading.enumerate()) - before}
    assert not left & {"combiners", "rest"}


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
