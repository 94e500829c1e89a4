"""Whole sessions with secure aggregation, over real networks."""

import numpy as np
import pytest

from fednet.parameters import load_parameters, write_model
from fednet.privacy import epsilon_after

SECONDS = 200
NUMBERS = 20_000
PROTOCOLS = ["pet", "secagg+"]


class Site:
    """One client's code: it moves each number by its own amount, and the counter by one."""

    def __init__(self, number, step=None):
        self.number = number
        self.step = number if step is None else step

    def train(self, parameters, _settings):
        numbers, counter = parameters
        moved = numbers + np.float32(self.step) * np.linspace(-1, 1, NUMBERS, dtype=np.float32)
        return [moved, counter + 1], {"num_examples": 10 * self.number, "loss": 0.5}


@pytest.fixture
def network(new_network, tmp_path):
    """Return a function that makes a network with a model of zeros and a counter, and these sites."""

    def make(combiners, sites):
        net = new_network(combiners, sites)
        path = tmp_path / "zeros.npz"
        write_model(path, [np.zeros(NUMBERS, np.float32), np.array(7)])
        net.api.set_active_model(str(path))
        return net

    return make


def started(net, sites, **options):
    everyone = {"min_clients": len(sites), "requested_clients": len(sites), "validate": False}
    return net.api.start_session(**(everyone | options))["session_id"]


def ended(net, session_id):
    session = net.api.wait_session(session_id, timeout=SECONDS)
    assert session["status"] == "FINISHED", session["reason"]
    return session


def final_model(net, session, folder):
    net.api.download_model(session["model_id"], str(folder / "final.npz"))
    return load_parameters(folder / "final.npz")


@pytest.mark.parametrize("combiners", [1, 2])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_model_is_the_weighted_mean(network, tmp_path, protocol, combiners):
    """Two rounds of five clients, each with its own number of examples, give what NumPy gives."""
    sites = [Site(number) for number in range(1, 6)]
    net = network(combiners, sites)

    session = ended(net, started(net, sites, secure=protocol, rounds=2))

    numbers, counter = final_model(net, session, tmp_path)
    shift = np.average([site.number for site in sites], weights=[site.number for site in sites])
    expected = 2 * shift * np.linspace(-1, 1, NUMBERS, dtype=np.float32)
    np.testing.assert_allclose(numbers, expected, atol=1e-5)
    assert counter == 9


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_noise_of_all_clients_is_in_the_sum_and_in_the_account(network, tmp_path, protocol):
    """Each client adds a part: the mean has noise of the asked deviation, and the round tells its ε."""
    sites = [Site(number, step=0) for number in range(1, 6)]
    net = network(1, sites)
    noise = {"mechanism": "distributed", "clip": 2.0, "noise_multiplier": 3.0}

    session = ended(net, started(net, sites, secure=protocol, rounds=1, dp=noise))

    numbers, counter = final_model(net, session, tmp_path)
    deviation = 3.0 * 2.0 / len(sites)
    assert np.std(numbers) == pytest.approx(deviation, rel=0.05)
    assert abs(np.mean(numbers)) < 6 * deviation / np.sqrt(NUMBERS)
    assert counter == 7
    (told,) = [
        each["privacy"] for each in net.api.get_rounds(session_id=session["session_id"])["result"]
    ]
    assert told["releases"] == 1
    assert told["epsilon"] == pytest.approx(epsilon_after(1, 3.0, told["delta"]), rel=1e-3)
