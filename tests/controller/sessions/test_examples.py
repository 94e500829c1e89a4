"""The number of examples that a client reports is its weight: a session may limit it, and outliers are named."""

import numpy as np
import pytest

from fednet.errors import InvalidInput
from fednet.parameters import load_parameters
from fednet.testing import Network

SECONDS = 200
EXAMPLES = {"a": 8, "b": 10.5, "c": 12, "d": 2**53}


def trains(number, examples):
    def train(parameters, _settings):
        return [np.full_like(array, number) for array in parameters], {"num_examples": examples}

    return train


@pytest.fixture(scope="module")
def net():
    """Two combiners with four clients, of which the last one reports as many examples as it may."""
    with Network(2) as network:
        for number, (name, examples) in enumerate(EXAMPLES.items()):
            combiner = f"combiner-{number % 2 + 1}"
            network.add_client(name, train=trains(number, examples), preferred_combiner=combiner)
        network.seed = network.api.set_active_model([np.zeros(2)])["model_id"]
        yield network


def run(net, tmp_path, **options):
    """Return the mean of a round of all clients, and the warnings about its examples."""
    id_ = net.api.start_session(
        model_id=net.seed, rounds=1, min_clients=4, validate=False, **options
    )["session_id"]
    session = net.api.wait_session(id_, timeout=SECONDS)
    assert session["status"] == "FINISHED", session["reason"]
    net.api.download_model(session["model_id"], str(tmp_path / "model"))
    told = net.api.get_statuses(session_id=id_, log_level="WARNING", n_max=100)["result"]
    [mean, _] = load_parameters(tmp_path / "model")[0]
    return mean, [each for each in told if "examples_max" in each["message"]]


def test_a_client_that_outweighs_all_others_is_named(net, tmp_path):
    """Its examples and the median are in the status; the others are not named."""
    mean, [warning] = run(net, tmp_path)

    assert mean == pytest.approx(3)
    assert warning["source"]["name"] == "d"
    assert "The client d reports 9007199254740992 examples" in warning["message"]
    assert "median client 10.5" in warning["message"]
    assert warning["details"]["num_examples"] == 2**53
    assert warning["details"]["median"] == 10.5


def test_a_limit_makes_the_weights_comparable(net, tmp_path):
    """Each update counts for at most so many examples, over all combiners; then nobody stands out."""
    mean, warnings = run(net, tmp_path, examples_max=11)

    assert mean == pytest.approx((1 * 10.5 + 2 * 11 + 3 * 11) / (8 + 10.5 + 11 + 11))
    assert warnings == []


@pytest.mark.parametrize("limit", [0, -1, 2**53 + 2, 1e300, True, "many"])
def test_an_impossible_limit_is_refused(net, limit):
    """By the name of the option."""
    with pytest.raises(InvalidInput) as caught:
        net.api.start_session(model_id=net.seed, examples_max=limit)

    assert caught.value.field == "examples_max"
