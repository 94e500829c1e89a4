"""Finite numbers at the end of float32, whose sum no float32 holds: they end no session, and no model is infinite."""

import numpy as np
import pytest

from fednet.aggregation import aggregator, aggregator_names
from fednet.combiner.engine.folding import Folding, merged
from fednet.parameters import Structure, model_format, write_model
from fednet.testing import Network

SECONDS = 200
EXAMPLES_MAX = 2**53
LARGEST = float(np.finfo(np.float32).max)
NPZ = model_format("numpyhelper")
SENT = {
    "1e38": [1e38] * 6,
    "the largest": [LARGEST] * 6,
    "the smallest": [-LARGEST] * 6,
    "both ends": [LARGEST, -LARGEST] * 3,
}


def filled(number):
    return [np.full((2, 3), number, np.float32), np.full(4, number, np.float32)]


@pytest.mark.parametrize("numbers", SENT.values(), ids=SENT)
@pytest.mark.parametrize("name", aggregator_names())
def test_each_aggregator_makes_finite_models_of_huge_updates(tmp_path, name, numbers):
    """Six of eleven updates are huge, from two combiners, in each of three rounds, on the model of the last one."""
    kind, structure, model, memory = aggregator(name), Structure.of(filled(0)), filled(0), None
    for _ in range(3):
        foldings = [Folding(kind, structure, NPZ) for _ in range(2)]
        for place, number in enumerate([*numbers, 1, 2, 3, 4, 5]):
            write_model(tmp_path / "update.npz", filled(number))
            update, metadata = tmp_path / "update.npz", {"num_steps": 2}
            foldings[place % 2].fold(update, EXAMPLES_MAX, metadata)
        total = merged(kind, structure, [each.partial for each in foldings])
        moments = total.advance(model, memory)
        memory = moments if moments is None else list(moments)
        model = list(total.finish(model, memory))

        assert all(np.isfinite(each).all() for each in model)


def answering(number, num_examples):
    return lambda _parameters, _settings: (filled(number), {"num_examples": num_examples})


@pytest.mark.parametrize("name", ["fedavg", "fedopt"])
def test_huge_updates_end_no_session(tmp_path, name):
    """Each is a possible update, so it counts: rounds go on with finite models, though with poor ones."""
    with Network(data_dir=tmp_path / "network") as net:
        net.api.set_active_model(filled(0))
        net.add_client("honest", train=answering(2, 10))
        for place, number in enumerate([1e38, LARGEST]):
            net.add_client(f"huge-{place}", train=answering(number, EXAMPLES_MAX))

        net.api.start_session("s", rounds=2, aggregator=name, round_timeout=SECONDS, validate=False)
        session = net.api.wait_session("s", timeout=SECONDS)
        net.api.download_model(net.api.get_active_model()["id"], tmp_path / "last.npz")
        rounds = net.api.get_rounds()["result"]

    assert session["status"] == "FINISHED", session["reason"]
    assert [(each["updates"], each["problems"]) for each in rounds] == [(3, [])] * 2
    with np.load(tmp_path / "last.npz") as model:
        assert all(np.isfinite(each).all() for each in model.values())
