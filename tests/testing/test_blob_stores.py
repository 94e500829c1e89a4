"""A whole network on each blob store: the same model everywhere."""

import logging
import threading
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pytest

from fednet import limits
from fednet.parameters import load_parameters, write_model
from fednet.testing import Network

ROUNDS = 3
SHARES = (1.0, 2.0, 5.0)
SECONDS = 200


def client_of(share, on_train):
    """A client whose updates depend on what it got, so that no round can be left out."""

    def train(parameters, _settings):
        on_train(share)
        return [0.5 * array + share for array in parameters], {"num_examples": int(share)}

    return train


class Meeting:
    """Lets all clients meet in their first training, does something there once, and counts the trainings.

    So everybody has the model by then, and nobody has answered.
    """

    def __init__(self, then):
        self.trainings = Counter()
        self._all_train = threading.Barrier(len(SHARES), then, SECONDS)

    def attend(self, share):
        self.trainings[share] += 1
        if self.trainings[share] == 1:
            self._all_train.wait()


def trained(network, folder, on_train=lambda _: None, **options):
    """The final model of a session with three clients, as numbers."""
    seed = folder / "seed.npz"
    write_model(seed, [np.arange(6, dtype=np.float32), np.ones((2, 3), np.float32)])
    combiners = sorted(network._combiners)
    for number, share in enumerate(SHARES):
        network.add_client(
            f"client-{number}",
            train=client_of(share, on_train),
            preferred_combiner=combiners[number % len(combiners)],
        )
    network.api.set_active_model(str(seed))
    network.api.start_session("s", rounds=ROUNDS, min_clients=len(SHARES), **options)
    session = network.api.wait_session("s", timeout=SECONDS)
    assert session["status"] == "FINISHED"
    network.api.download_model(network.api.get_active_model()["id"], str(folder / "final.npz"))
    return load_parameters(folder / "final.npz")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What comes out where the blobs are in a folder."""
    with Network() as network:
        return trained(network, tmp_path_factory.mktemp("seed"))


def same(found, expected):
    return all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize("combiners", [1, 3])
def test_a_session_over_s3_makes_the_same_model(s3_server, expected, tmp_path, combiners):
    """And its models lie in the bucket under their ids; besides them only the mark of the state store is left there."""
    bucket = s3_server.new_bucket()

    with Network(combiners, blob_store=s3_server.url(bucket)) as network:
        found = trained(network, tmp_path)
        models = {f"models/{each['id']}" for each in network.api.get_models()["result"]}

    assert same(found, expected)
    objects = s3_server.client().list_objects(bucket, recursive=True)
    names = {each.object_name for each in objects}
    assert {name for name in names if not name.startswith("network/state-stores.")} == models


@pytest.mark.parametrize("combiners", [1, 3])
def test_a_session_through_the_controller_makes_the_same_model(expected, tmp_path, combiners):
    """Where combiners do not see its blobs, here because they are in its memory."""
    with Network(combiners, blob_store="memory://") as network:
        stores = {type(each._engine.local.store).__name__ for each in network._combiners.values()}
        found = trained(network, tmp_path)

    assert stores == {"ControllerBlobs"}
    assert same(found, expected)


@pytest.mark.parametrize("combiners", [1, 3])
def test_a_session_goes_on_when_the_s3_server_is_back(s3_server, expected, tmp_path, combiners):
    """It is killed while clients train, and starts again while the combiners look for it."""
    starting = threading.Thread(target=s3_server.process.start)

    def restart_the_server():
        s3_server.process.stop()
        starting.start()

    url = s3_server.url(s3_server.new_bucket())
    with Network(combiners, blob_store=url) as network:
        found = trained(network, tmp_path, Meeting(restart_the_server).attend)
    starting.join()

    assert same(found, expected)


class BrokenCalls(logging.Handler):
    """Counts the calls that the server did not answer, by what their client logs; at one of them it does something."""

    def __init__(self, number, then):
        super().__init__()
        self.count, self.number, self.then = 0, number, then

    def emit(self, record):
        if "Retrying" in record.getMessage():
            self.count += 1
            if self.count == self.number:
                self.then()


@contextmanager
def at_broken_call(number, then):
    logger, calls = logging.getLogger("urllib3.connectionpool"), BrokenCalls(number, then)
    logger.addHandler(calls)
    yield calls
    logger.removeHandler(calls)


@pytest.mark.parametrize("combiners", [1, 3])
def test_an_outage_longer_than_all_retries_loses_no_round(
    s3_server, expected, tmp_path, monkeypatch, combiners
):
    """The server starts again only when one combiner has given up and tries anew; nobody trains twice.

    What one combiner does is to merge; of several, each shares its partial first.
    """
    monkeypatch.setattr(limits, "retry_attempts_max", 1)
    starting = threading.Thread(target=s3_server.process.start)
    meeting = Meeting(s3_server.process.stop)
    url = s3_server.url(s3_server.new_bucket())
    with (
        at_broken_call(combiners + 1, starting.start) as broken,
        Network(combiners, blob_store=url) as network,
    ):
        found = trained(network, tmp_path, meeting.attend, round_retries=0)
        starting.join()

    assert broken.count > combiners
    assert meeting.trainings == dict.fromkeys(SHARES, ROUNDS)
    assert same(found, expected)
