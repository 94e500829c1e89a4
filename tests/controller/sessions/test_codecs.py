"""Whole sessions with codecs for updates, held against NumPy."""

import numpy as np
import pytest

from fednet.client import messages
from fednet.codecs import is_encoded
from fednet.combiner.engine.update_format import UpdateFormat
from fednet.errors import InvalidInput
from fednet.parameters import load_parameters, model_format
from fednet.testing import Network
from fednet.update_codec import codec_names

SECONDS = 200
CODECS = [name for name in codec_names() if name != "plain"]


class Site:
    """One client's code: it moves every number half the way towards its own ones."""

    def __init__(self, number):
        self.number = number
        self.model = 2.0 ** np.arange(-4, 4).reshape(2, 4) * number

    def train(self, parameters, _settings):
        return [self.moved(parameters[0]), parameters[1] + 1], {
            "num_examples": self.number,
            "num_steps": 1,
        }

    def moved(self, array):
        return (array + (self.model - array) / 2).astype(np.float32)


SITES = [Site(number) for number in (1, 2, 4)]
SEED = [np.full((2, 4), 0.3, np.float32), np.array(7)]


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """Give a network of three sites on two combiners, with its first model."""
    folder = tmp_path_factory.mktemp("codecs")
    with Network(2, data_dir=folder / "network") as network:
        for site in SITES:
            place = f"combiner-{site.number % 2 + 1}"
            network.add_client(f"site-{site.number}", train=site.train, preferred_combiner=place)
        model_format("numpyhelper").write(folder / "seed.npz", SEED)
        network.seed = network.api.set_active_model(str(folder / "seed.npz"))["model_id"]
        yield network


@pytest.fixture
def opened(monkeypatch):
    """Give the kinds of the updates that combiners open: True for an encoded one."""
    kinds, open_ = [], UpdateFormat.open

    def open_and_note(self, path, **options):
        kinds.append(is_encoded(path))
        return open_(self, path, **options)

    monkeypatch.setattr(UpdateFormat, "open", open_and_note)
    return kinds


def run(net, folder, *, clients=3, **options):
    """Run a session of two rounds and return its model."""
    session_id = net.api.start_session(
        model_id=net.seed, rounds=2, validate=False,
        min_clients=clients, requested_clients=clients, round_retries=0, **options,
    )["session_id"]  # fmt: skip
    session = net.api.wait_session(session_id, timeout=SECONDS)
    assert session["status"] == "FINISHED", session["reason"]
    net.api.download_model(session["model_id"], str(folder / "model.npz"))
    return load_parameters(folder / "model.npz")


def expected(sites, rounds=2):
    """The floats after some rounds without a codec, in float64."""
    array = SEED[0].astype(np.float64)
    for _ in range(rounds):
        array = np.average(
            [site.moved(array) for site in sites], 0, [site.number for site in sites]
        )
    return array


def error_max(codec, rounds=2):
    """A bound of the error after some rounds: the largest number of all, times the codec's error, in each round."""
    largest = max(site.model.max() for site in SITES)
    return rounds * largest * (1 / 253 if "int8" in codec else 1 / 256 if "bf16" in codec else 1e-6)


@pytest.mark.parametrize("codec", CODECS)
def test_a_session_trains_with_each_codec(net, tmp_path, opened, codec):
    """Its model is that of one float64 computation, within the codec's error; counters are exact."""
    floats, counter = run(net, tmp_path, update_codec=codec)

    assert opened == [True] * 6
    np.testing.assert_allclose(floats, expected(SITES), atol=error_max(codec), rtol=0)
    assert counter == 9
    assert (floats.dtype, counter.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("aggregator", ["fedmedian", "geometric_median", "fedopt", "fednova"])
def test_other_aggregators_take_encoded_updates(net, tmp_path, opened, aggregator):
    """Also those that keep all updates until the round's end, spread over combiners."""
    exact = run(net, tmp_path, aggregator=aggregator)
    rounded = run(net, tmp_path, aggregator=aggregator, update_codec="delta+int8+zstd")

    assert opened == [False] * 6 + [True] * 6
    np.testing.assert_allclose(rounded[0], exact[0], atol=error_max("int8"), rtol=0)


def test_clients_that_do_not_wait_take_the_model_of_their_flight_as_base(net, tmp_path, opened):
    """In an asynchronous session an update is decoded against an older model than the newest one."""
    floats, _ = run(net, tmp_path, aggregator="fedbuff", clients=2, update_codec="delta+bf16")

    assert opened
    assert all(opened)
    assert np.isfinite(floats).all()
    assert (floats > 0).all()
    assert (floats <= max(site.model.max() for site in SITES)).all()


SUM_OF_HALVES = """
import numpy as np
from fednet.server_functions import ServerFunctionsBase

class Functions(ServerFunctionsBase):
    def aggregate(self, previous, updates):
        models = [update for update, _ in updates.values()]
        return [np.mean([model[place] for model in models], 0) for place in range(len(previous))]
"""


def test_server_functions_are_given_decoded_updates(net, tmp_path, opened):
    """People's code never meets an encoded file."""
    floats, _ = run(net, tmp_path, server_functions=SUM_OF_HALVES, update_codec="int8")

    plain = SEED[0].astype(np.float64)
    for _ in range(2):
        plain = np.mean([site.moved(plain) for site in SITES], 0)
    assert opened == [True] * 6
    np.testing.assert_allclose(floats, plain, atol=error_max("int8"), rtol=0)


def test_a_client_that_does_not_know_the_codec_sends_plain_updates(
    net, tmp_path, opened, monkeypatch
):
    """Its updates count beside the encoded ones of the others."""
    with monkeypatch.context() as older:
        older.setattr(messages, "CODEC_PARTS", ("zstd",))
        site = Site(3)
        net.add_client("site-3", train=site.train, preferred_combiner="combiner-1")
    try:
        floats, _ = run(net, tmp_path, clients=4, update_codec="delta+int8")
    finally:
        net.remove_client("site-3")

    assert sorted(opened) == [False] * 2 + [True] * 6
    everybody = [*SITES, site]
    np.testing.assert_allclose(floats, expected(everybody), atol=error_max("int8"), rtol=0)


@pytest.mark.parametrize("codec", ["int4", "zstd+int8", ""])
def test_an_unknown_codec_is_refused_when_the_session_starts(net, codec):
    """The error names the option and all codecs."""
    with pytest.raises(InvalidInput, match=r"update_codec.*delta\+int8\+zstd"):
        net.api.start_session(model_id=net.seed, update_codec=codec)
