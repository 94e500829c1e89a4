"""Hostile answers in a whole session: each costs its sender the task, and nobody the round."""

import numpy as np

from fednet.testing import Network

SECONDS = 200
HOSTILE = {
    "not-a-number": ([np.full((2, 3), np.nan, np.float32), np.ones(4)], 1),
    "huge": ([np.full((2, 3), 1e300), np.ones(4)], 2**53),
    "huge-and-negative": ([np.full((2, 3), -1e300), np.ones(4)], 2**53),
    "other-shape": ([np.ones((3, 2), np.float32), np.ones(4)], 1),
    "too-many": ([np.ones((2, 3), np.float32), np.ones(4), np.ones(4)], 1),
    "heavy": ([np.ones((2, 3), np.float32), np.ones(4)], 1e300),
    "objects": ([np.array([[{}] * 3] * 2), np.ones(4)], 1),
}


def answering(arrays, num_examples):
    return lambda _parameters, _settings: (arrays, {"num_examples": num_examples})


def test_a_hostile_answer_costs_its_sender_the_task_and_nobody_the_round(tmp_path):
    """Seven attack the sum, each in its way: the model is that of the honest one, and the round names the others."""
    with Network(data_dir=tmp_path / "network") as net:
        net.api.set_active_model([np.zeros((2, 3), np.float32), np.zeros(4, np.float32)])
        net.add_client("honest", train=answering([np.full((2, 3), 2.0), np.full(4, 3.0)], 10))
        for name, answer in HOSTILE.items():
            net.add_client(name, train=answering(*answer))

        net.api.start_session("s", rounds=2, min_clients=1, round_timeout=SECONDS, validate=False)
        session = net.api.wait_session("s", timeout=SECONDS)
        net.api.download_model(net.api.get_active_model()["id"], tmp_path / "last.npz")
        rounds = net.api.get_rounds()["result"]

    assert session["status"] == "FINISHED", session["reason"]
    with np.load(tmp_path / "last.npz") as model:
        assert model["0"].tolist() == [[2.0] * 3] * 2
        assert model["1"].tolist() == [3.0] * 4
    for each in rounds:
        assert (each["clients"], each["updates"], each["examples"]) == (8, 1, 10)
        assert {problem.partition(":")[0] for problem in each["problems"]} == set(HOSTILE)
