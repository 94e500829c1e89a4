"""Participants in rounds of fednet's own coordinator, which a controller serves on a port of its own."""

import json
import threading
import time

import numpy as np
import pytest
from small_coordinator import SECONDS_MAX
from xaynet_controllers import controllers

from fednet.client.participant import ParticipantABC, spawn_async_participant, spawn_participant

COUNT = 8
SCALARS = (1.0, 0.5, 0.3, 0.1, 0.75, 0.25, 0.9, 0.6)
MODELS = np.eye(COUNT)  # so a mean shows who took part


class Models:
    """The different global models that participants have been given."""

    def __init__(self) -> None:
        self.found: list[list[float]] = []
        self._changed = threading.Condition()

    def add(self, model: list[float] | None) -> None:
        with self._changed:
            if model is not None and model not in self.found:
                self.found.append(model)
                self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.found) >= count, SECONDS_MAX)


class Site(ParticipantABC):
    """Returns always the same model, and reports global models."""

    def __init__(self, model, models):
        self.model, self.models = model, models

    def train_round(self, _training_input):
        return self.model

    def serialize_training_result(self, training_result):
        return training_result

    def deserialize_training_input(self, global_model):
        return global_model

    def on_new_global_model(self, global_model):
        self.models.add(global_model)


@pytest.fixture
def controller(tmp_path):
    """Return a function that starts a controller with a coordinator, always on the same port."""
    with controllers(tmp_path, COUNT) as start:
        yield start


def is_mean(model: list[float]) -> bool:
    """Return True for a mean of at least three of the models, weighted by their scalars."""
    weights = np.where(np.array(model) > 1e-6, SCALARS, 0)
    return np.count_nonzero(weights) >= 3 and np.allclose(
        model, np.average(MODELS, axis=0, weights=weights), rtol=0, atol=1e-7
    )


def test_three_rounds_with_mixed_scalars(controller, stopped):
    """Each model is the mean of those who took part."""
    models, url = Models(), controller().xaynet_url
    for number in range(COUNT):
        args = (MODELS[number] if number % 2 else MODELS[number].tolist(), models)
        stopped(spawn_participant(url, Site, args=args, scalar=SCALARS[number]))
    models.wait_for(3)

    assert [model for model in models.found if not is_mean(model)] == []


def test_rounds_outlive_restarts_of_everybody(controller, stopped):
    """Participants go on from their states, and the coordinator from its stores."""
    models, coordinating = Models(), controller()
    states = [None] * COUNT
    for count in (1, 2):
        handles = [
            stopped(
                spawn_participant(
                    coordinating.xaynet_url,
                    Site,
                    args=(MODELS[number].tolist(), models),
                    state=states[number],
                    scalar=SCALARS[number],
                )
            )
            for number in range(COUNT)
        ]
        models.wait_for(count)
        states = [json.loads(json.dumps(handle.stop())) for handle in handles]
        coordinating.stop()
        coordinating = controller()

    assert [model for model in models.found if not is_mean(model)] == []


def test_asynchronous_participants_give_models_of_their_own_accord(controller, stopped):
    """The notifier tells of each new global model."""
    models, url = Models(), controller().xaynet_url
    spawned = [spawn_async_participant(url, scalar=SCALARS[n]) for n in range(COUNT)]
    for handle, _ in spawned:
        stopped(handle)
    deadline = time.monotonic() + SECONDS_MAX
    while len(models.found) < 2:
        assert time.monotonic() < deadline
        for number, (handle, notifier) in enumerate(spawned):
            if notifier.wait(0.02):
                models.add(handle.get_global_model())
                handle.set_local_model(MODELS[number])

    assert [model for model in models.found if not is_mean(model)] == []
