"""The digits are learned as well with codecs for updates as without."""

import numpy as np
import pytest

from fednet.codecs import Base, open_encoded, write_encoded_to
from fednet.examples.digits import data
from fednet.parameters import Structure, load_parameters
from fednet.testing import Network
from fednet.update_codec import codec_of

pytestmark = pytest.mark.slow

CLIENTS, ROUNDS, SPLITS, SECONDS = 5, 10, 5, 200
POINTS_MAX = 0.5
# zstd changes no number, and delta alone changes none either: tests/codecs holds both.
ROUNDED = ["bf16", "int8", "delta+bf16", "delta+int8"]


@pytest.fixture
def way_of(tmp_path):
    """Return a function that encodes and decodes an update, by the name of a codec."""

    def way(codec):
        def there_and_back(update, before):
            base = Base(Structure.of(before), before, "digest")
            with (tmp_path / "update").open("wb") as file:
                write_encoded_to(file, codec_of(codec), update, base.structure, base)
            with open_encoded(tmp_path / "update", base) as encoded:
                flat = [np.concatenate([*encoded.blocks(place)]) for place in range(len(before))]
            return [array.reshape(old.shape) for array, old in zip(flat, before, strict=True)]

        return there_and_back

    return way


def test_no_codec_costs_half_a_point_of_accuracy(federated_accuracy, way_of):
    """On average over the first five splits: one split's accuracy has a standard error of a point."""
    plain = np.mean([federated_accuracy(seed) for seed in range(SPLITS)])

    for codec in ROUNDED:
        found = np.mean([federated_accuracy(seed, way_of(codec)) for seed in range(SPLITS)])
        assert 100 * (plain - found) <= POINTS_MAX, codec


@pytest.fixture
def net(tmp_path, code):
    """Give a network of five clients, each with its part of the first split."""
    model, train, _ = code
    with Network(2, data_dir=tmp_path / "network") as network:
        for number, part in enumerate(data.split(CLIENTS, 0)):
            network.add_client(f"site-{number}", train=trains_on(part, train))
        model.save(tmp_path / "seed.npz", model.initial())
        network.seed = network.api.set_active_model(str(tmp_path / "seed.npz"))["model_id"]
        yield network


def trains_on(part, train):
    """Return the train function of a client."""

    def of_client(parameters, _settings):
        update = train.train(parameters, part["x_train"], part["y_train"])
        return update, {"num_examples": len(part["y_train"])}

    return of_client


def test_a_network_learns_the_digits_with_every_codec(net, tmp_path, code):
    """Its held-out accuracy is at most half a point below that without a codec."""
    validate = code[2]
    parts = data.split(CLIENTS, 0)

    def accuracy(codec):
        session_id = net.api.start_session(
            model_id=net.seed, rounds=ROUNDS, validate=False, min_clients=CLIENTS,
            requested_clients=CLIENTS, update_codec=codec,
        )["session_id"]  # fmt: skip
        session = net.api.wait_session(session_id, timeout=SECONDS)
        assert session["status"] == "FINISHED", session["reason"]
        net.api.download_model(session["model_id"], str(tmp_path / "model.npz"))
        found = load_parameters(tmp_path / "model.npz")
        hits = [validate.evaluate(found, part["x_test"], part["y_test"]) for part in parts]
        rows = [each["num_examples"] for each in hits]
        return np.average([each["accuracy"] for each in hits], weights=rows)

    plain = accuracy("plain")
    for codec in (*ROUNDED, "delta+zstd"):
        assert 100 * (plain - accuracy(codec)) <= POINTS_MAX, codec
