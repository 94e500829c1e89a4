"""A whole network on each blob store: the same model everywhere."""

import threading

import numpy as np
import pytest

from fednet import limits
from fednet.parameters import write_model
from fednet.storage import CONTROLLER
from fednet.testing import Network

ROUNDS = 3
SHARES = (1.0, 2.0, 5.0)


def client_of(share, on_train=lambda: None):
    """A client whose updates depend on what it got, so that no round can be left out."""

    def train(parameters, _settings):
        on_train()
        return [0.5 * array + share for array in parameters], {"num_examples": int(share)}

    return train


def trained(network, folder, on_train=lambda: None):
    """The final model of a session with three clients, as numbers."""
    seed = folder / "seed.npz"
    write_model(seed, [np.arange(6, dtype=np.float32), np.ones((2, 3), np.float32)])
    combiners = sorted(network._combiners)
    for number, share in enumerate(SHARES):
        network.add_client(
            f"client-{number}",
            train=client_of(share, on_train if number == 0 else lambda: None),
            preferred_combiner=combiners[number % len(combiners)],
        )
    network.api.set_active_model(str(seed))
    network.api.start_session("s", rounds=ROUNDS, min_clients=len(SHARES))
    session = network.api.wait_session("s", timeout=60)
    assert session["status"] == "FINISHED"
    return network.api.get_model_parameters("active")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What comes out where the blobs are in a folder."""
    with Network() as network:
        return trained(network, tmp_path_factory.mktemp("seed"))
