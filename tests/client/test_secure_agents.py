"""Agents in rounds with secure aggregation, in a real network."""

import numpy as np
import pytest

from fednet.parameters import load_parameters


def trainer(number):
    """Return a train function that adds its number to the parameters, with so many examples."""

    def train(parameters, _settings):
        return [array + np.float32(number) for array in parameters], {"num_examples": number}

    return train


def failing(_parameters, _settings):
    """Fail, as a site whose data are gone does."""
    raise RuntimeError("the data are gone")


def mean_of(*numbers):
    """Return the mean of the numbers that trainers add, weighted by their examples."""
    return sum(number**2 for number in numbers) / sum(numbers)


@pytest.fixture
def run(net, start, tmp_path):
    """Return a function that starts agents and runs a session of them to its end; returns its model."""

    def run(*trainers, rounds=1, settings=None, **options):
        for number, train in enumerate(trainers):
            start(train, name=f"client{number}", **(settings or {}).get(number, {}))
        net._controller.presence.wait_for_clients("TRAIN", len(trainers), 60)
        defaults = {
            "rounds": rounds,
            "validate": False,
            "min_clients": 3,
            "requested_clients": len(trainers),
            "examples_max": 10,
        }
        answer = net.api.start_session("secret", **defaults | options)
        assert answer["success"], answer
        session = net.api.wait_session("secret", timeout=200)
        assert session["status"] == "FINISHED", session["reason"]
        net.api.download_model(session["model_id"], str(tmp_path / "model.npz"))
        (model,) = load_parameters(tmp_path / "model.npz")
        return model

    return run


@pytest.mark.parametrize("secure", ["pet", "secagg+"])
def test_a_session_gives_the_weighted_mean(run, secure):
    """The model of two rounds of four agents has moved twice, by the mean of all updates."""
    model = run(*map(trainer, (1, 2, 3, 4)), rounds=2, secure=secure)

    np.testing.assert_allclose(model, 2 * mean_of(1, 2, 3, 4), atol=1e-5)


@pytest.mark.parametrize("secure", ["pet", "secagg+"])
def test_a_client_that_drops_out_after_it_was_chosen_costs_nothing_but_its_update(run, secure):
    """Its masks are removed, and the model moves by the mean of the others."""
    model = run(*map(trainer, (1, 2, 3, 4)), failing, secure=secure)

    np.testing.assert_allclose(model, mean_of(1, 2, 3, 4), atol=1e-5)


@pytest.mark.parametrize("secure", ["pet", "secagg+"])
def test_a_client_that_pins_others_takes_no_part_among_strangers(run, tmp_path, secure):
    """It refuses its messages, and the round goes on without it."""
    (tmp_path / "known").write_text("# nobody\n")

    model = run(
        *map(trainer, (1, 2, 3, 4, 9)),
        settings={4: {"known_clients": tmp_path / "known"}},
        secure=secure,
    )

    np.testing.assert_allclose(model, mean_of(1, 2, 3, 4), atol=1e-5)
