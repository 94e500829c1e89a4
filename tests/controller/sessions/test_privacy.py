"""Whole sessions with differential privacy, over real networks."""

import numpy as np
import pytest

from fednet.parameters import load_parameters, write_model
from fednet.privacy import epsilon_after

SECONDS = 200
NUMBERS = 20_000
CLIP = 3.0
DIRECTION = np.full(NUMBERS, 1 / np.sqrt(NUMBERS))


class Site:
    """One client's code: it moves the model a step of a certain length in one direction, and its counter by one."""

    def __init__(self, number, length=50.0):
        self.number = number
        self.length = length

    def train(self, parameters, _settings):
        numbers, counter = parameters
        moved = (numbers + self.length * DIRECTION).astype(numbers.dtype)
        return [moved, counter + 1], {"num_examples": self.number, "loss": 0.5}


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


def started(net, sites, dp, **options):
    everyone = {"min_clients": len(sites), "requested_clients": len(sites), "validate": False}
    privacy = {"clip": CLIP, "noise_multiplier": 2.0, **dp}
    return net.api.start_session(**(everyone | options), dp=privacy)["session_id"]


def ended(net, session_id):
    session = net.api.wait_session(session_id, timeout=SECONDS)
    assert session["status"] == "FINISHED", session["reason"]
    return session


def final_model(net, session, folder):
    net.api.download_model(session["model_id"], str(folder / "final.npz"))
    return load_parameters(folder / "final.npz")


def rounds_of(net, session_id):
    found = net.api.get_rounds(session_id=session_id)["result"]
    return sorted(found, key=lambda each: each["number"])


@pytest.mark.parametrize("combiners", [1, 2])
def test_a_model_has_the_noise_of_one_release_whatever_the_number_of_combiners(
    network, tmp_path, combiners
):
    """The mean of clipped differences, and noise of noise_multiplier * clip / n; counters tell nothing."""
    sites = [Site(number) for number in (1, 2, 3, 4)]
    net = network(combiners, sites)

    session_id = started(net, sites, {}, rounds=1)
    numbers, counter = final_model(net, ended(net, session_id), tmp_path)
    (round_,) = rounds_of(net, session_id)

    noise = numbers - CLIP * DIRECTION
    assert noise.std() == pytest.approx(2.0 * CLIP / len(sites), rel=0.05)
    assert abs(noise @ DIRECTION) < 6 * 2.0 * CLIP / len(sites)
    assert counter == 7
    assert round_["privacy"]["epsilon"] == epsilon_after(1, 2.0, 1e-5)
    assert round_["examples"] == len(sites)
    assert len(round_["combiners"]) == combiners


def test_nothing_that_a_client_reports_of_its_training_leaves_its_site(network):
    """Neither the number of its examples nor its metadata: only the answer, as one example."""
    sites = [Site(5), Site(9)]
    net = network(1, sites)

    session_id = started(net, sites, {}, rounds=1)
    ended(net, session_id)
    (round_,) = rounds_of(net, session_id)
    answers = net.api.get_round_answers(round_["id"])["result"]

    assert [each["num_examples"] for each in answers] == [1.0, 1.0]
    assert "loss" not in repr(answers)


def test_clients_add_the_noise_themselves_with_the_local_mechanism(network, tmp_path):
    """Each adds noise_multiplier * clip, so the mean of n has that over √n, and the combiner adds none."""
    sites = [Site(number) for number in (1, 2, 3, 4)]
    net = network(1, sites)

    session_id = started(net, sites, {"mechanism": "local"}, rounds=1)
    numbers, _ = final_model(net, ended(net, session_id), tmp_path)

    noise = numbers - CLIP * DIRECTION
    assert noise.std() == pytest.approx(2.0 * CLIP / 2, rel=0.05)


def test_an_adaptive_clip_follows_the_norms_of_the_clients(network):
    """All differences are longer than the clips: each round multiplies them by exp(rate * quantile), but for noise."""
    sites = [Site(number, length=1000.0) for number in (1, 2, 3)]
    net = network(2, sites)

    dp = {"clipping": "adaptive", "noise_multiplier": 0.1, "count_noise": 0.11}
    session_id = started(net, sites, dp, rounds=3, aggregator="fedavgm")
    ended(net, session_id)
    clips = [each["privacy"]["clip"] for each in rounds_of(net, session_id)]

    assert clips[0] == CLIP
    assert np.allclose(np.divide(clips[1:], clips[:-1]), np.exp(0.2 * 0.5), rtol=0.04)


def test_the_budget_ends_a_session_before_the_round_that_would_exceed_it(network):
    """It has finished, says why, and its last round's ε is within the budget."""
    sites = [Site(1)]
    net = network(1, sites)

    budget = epsilon_after(2, 2.0, 1e-5) + 0.01
    session_id = started(net, sites, {"epsilon_max": budget}, rounds=9)
    session = ended(net, session_id)
    last = rounds_of(net, session_id)[-1]

    assert session["round_number"] == last["number"] == 2
    assert "the privacy budget is spent: ε is" in session["reason"]
    assert last["privacy"]["epsilon"] <= budget < epsilon_after(3, 2.0, 1e-5)
