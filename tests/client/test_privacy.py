"""An update is made private before it leaves its site."""

import dataclasses

import numpy as np
import pytest

from fednet.blob_ref import BlobRef
from fednet.client.encoding import encode_update
from fednet.client.messages import hello_message
from fednet.client.privacy import private_update
from fednet.client.tasks import Task
from fednet.codecs import Base, open_encoded
from fednet.digests import Digest
from fednet.errors import InvalidInput, InvalidModel, TaskFailed
from fednet.parameters import Structure, model_format
from fednet.privacy import PrivacyTerms
from fednet.update_codec import codec_of
from fednet.wire import tasks_pb2

BEFORE = [np.zeros((50, 60), np.float32), np.arange(4)]
TRAINED = [BEFORE[0] + np.float32(1.0), np.arange(4) + 1]
NORM = 3000**0.5
TASK = Task(
    id="0b1f6c2e-6d0e-4f0b-9d8a-2f4b8f6f3c11",
    kind="TRAIN_PRIVATELY",
    model=BlobRef("MODEL", "m", Digest.read("0" * 64, 1)),
    package=None,
    round_number=1,
    helper="numpyhelper",
    settings={},
    seconds_left=None,
)


@pytest.fixture
def privately(tmp_path):
    """Return a function that makes an update private: returns its outcome and its arrays."""
    form = model_format("numpyhelper")
    form.write(tmp_path / "model", BEFORE)

    def make(privacy, arrays=TRAINED):
        form.write(tmp_path / "update", arrays)
        task = dataclasses.replace(TASK, privacy=privacy)
        outcome = private_update(tmp_path / "update", tmp_path / "model", task)
        with form.open(tmp_path / "update") as update:
            return outcome, [array.copy() for array in update.arrays]

    return make


@pytest.mark.parametrize(("clip", "norm"), [(1.0, 1.0), (100.0, NORM)])
def test_an_update_is_clipped_in_its_place_and_counts_as_one(privately, clip, norm):
    """Its counters are those of the model; it says nothing of itself."""
    outcome, (numbers, counters) = privately(PrivacyTerms(clip).to_text())

    assert np.linalg.norm(numbers.astype(float)) == pytest.approx(norm, rel=1e-5)
    assert counters.tolist() == [0, 1, 2, 3]
    assert (outcome.num_examples, outcome.metadata) == (1.0, {})


@pytest.mark.parametrize(("clip", "is_within"), [(1.0, False), (100.0, True)])
def test_an_update_tells_whether_it_lay_within_the_clip_only_where_that_is_asked(
    privately, clip, is_within
):
    """One bit of its norm, from before it was clipped."""
    outcome, _ = privately(PrivacyTerms(clip, counts=True).to_text())

    assert outcome.metadata == {"within_clip": is_within}


def test_the_noise_of_a_site_is_new_in_each_update(privately):
    """It has the deviation of the terms, and is never drawn from what the network knows."""
    terms = PrivacyTerms(1.0, deviation=2.0).to_text()

    (_, (one, _)), (_, (other, _)) = privately(terms), privately(terms)

    assert one.std() == pytest.approx(2.0, rel=0.1)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1


def test_a_private_update_may_be_encoded(privately, tmp_path):
    """The codec sees the numbers with their noise."""
    _, (noisy, _) = privately(PrivacyTerms(1.0, deviation=2.0).to_text())

    task = dataclasses.replace(TASK, update_codec=codec_of("delta+int8"))
    encode_update(tmp_path / "update", tmp_path / "model", task)

    base = Base(Structure.of(BEFORE), BEFORE, TASK.model.digest.text)
    with open_encoded(tmp_path / "update", base) as update:
        (found,) = update.blocks(0)
    np.testing.assert_allclose(found, noisy.reshape(-1), atol=0.1)


@pytest.mark.parametrize(
    ("privacy", "arrays", "error"),
    [
        ("", TRAINED, TaskFailed),
        ("{}", TRAINED, InvalidInput),
        (PrivacyTerms(1.0).to_text(), [np.full((50, 60), np.nan), BEFORE[1]], InvalidModel),
        (PrivacyTerms(1.0).to_text(), [np.full((50, 60), 1e200), BEFORE[1]], InvalidModel),
        (PrivacyTerms(1.0).to_text(), [np.zeros((60, 50)), BEFORE[1]], InvalidModel),
        (PrivacyTerms(1.0).to_text(), [BEFORE[0]], InvalidModel),
    ],
)
def test_an_update_that_cannot_be_made_private_is_not_sent(privately, privacy, arrays, error):
    """The task fails; without terms nothing else is done, either."""
    with pytest.raises(error):
        privately(privacy, arrays)


def test_a_client_that_trains_says_that_it_trains_privately():
    """So a controller asks no client of an earlier version."""
    assert tasks_pb2.TRAIN_PRIVATELY in hello_message(["TRAIN"], needs_package=False).hello.kinds
    assert list(hello_message(["PREDICT"], needs_package=False).hello.kinds) == [tasks_pb2.PREDICT]
