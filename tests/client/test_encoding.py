"""The encoding of an update before it is sent."""

import dataclasses

import numpy as np
import pytest

from fednet.blob_ref import BlobRef
from fednet.client.encoding import encode_update
from fednet.client.tasks import Task
from fednet.codecs import Base, is_encoded, open_encoded
from fednet.digests import Digest
from fednet.parameters import ArraySpec, Structure, model_format
from fednet.update_codec import codec_names, codec_of

BEFORE = [np.linspace(-1, 1, 3_000, dtype=np.float32).reshape(50, 60), np.arange(4)]
TRAINED = [BEFORE[0] + np.float32(0.01), np.arange(4) + 1]
TASK = Task(
    id="0b1f6c2e-6d0e-4f0b-9d8a-2f4b8f6f3c11",
    kind="TRAIN",
    model=BlobRef("MODEL", "m", Digest.read("0" * 64, 1)),
    package=None,
    round_number=1,
    helper="numpyhelper",
    settings={},
    seconds_left=None,
)


@pytest.fixture
def encode(tmp_path):
    """Return a function that encodes an update, and returns its file."""
    form = model_format("numpyhelper")
    form.write(tmp_path / "model", BEFORE)

    def write_and_encode(codec, arrays=TRAINED):
        form.write(tmp_path / "update", arrays)
        task = dataclasses.replace(TASK, update_codec=codec_of(codec))
        encode_update(tmp_path / "update", tmp_path / "model", task)
        return tmp_path / "update"

    return write_and_encode


@pytest.mark.parametrize("codec", [name for name in codec_names() if name != "plain"])
def test_an_update_is_encoded_in_its_place(encode, tmp_path, codec):
    """The combiner decodes it against the model of the task, by its digest."""
    path = encode(codec)

    base = Base(Structure.of(BEFORE), BEFORE, TASK.model.digest.text)
    with open_encoded(path, base) as update:
        (found,) = update.blocks(0)
        (counters,) = update.blocks(1)
    np.testing.assert_allclose(found, TRAINED[0].reshape(-1), atol=0.01)
    np.testing.assert_array_equal(counters, TRAINED[1])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model", "update"]


def test_a_plain_update_stays_as_it_is(encode):
    """Nothing is written again."""
    path = encode("plain")

    with model_format("numpyhelper").open(path) as update:
        np.testing.assert_array_equal(update.arrays[0], TRAINED[0])


@pytest.mark.parametrize("codec", ["bf16", "int8", "delta+int8+zstd"])
@pytest.mark.parametrize("number", [np.nan, np.inf, 3e38])
def test_an_update_that_the_codec_cannot_hold_stays_as_it_is(encode, caplog, codec, number):
    """So the combiner says the same of it as without a codec."""
    odd = TRAINED[0].copy()
    odd[-1, -1] = number

    path = encode(codec, [odd, TRAINED[1]])

    assert not is_encoded(path)
    with model_format("numpyhelper").open(path) as update:
        np.testing.assert_array_equal(update.arrays[0], odd)
    assert "is sent as it is" in caplog.text


def test_arrays_are_encoded_in_the_order_of_the_global_model(tmp_path):
    """A package may save them in any order; the difference is that of arrays of one name."""
    named = Structure((ArraySpec("w", (3,), "float32"), ArraySpec("b", (3,), "float32")))
    swapped = Structure(named.arrays[::-1])
    w, b = np.full(3, 7, np.float32), np.full(3, -7, np.float32)
    form = model_format("numpyhelper")
    form.write(tmp_path / "model", [w, b], named)
    form.write(tmp_path / "update", [b + 1, w + 1], swapped)

    task = dataclasses.replace(TASK, update_codec=codec_of("delta+int8"))
    encode_update(tmp_path / "update", tmp_path / "model", task)

    with open_encoded(tmp_path / "update", Base(named, [w, b], TASK.model.digest.text)) as update:
        assert update.structure == named
        np.testing.assert_array_equal(next(update.blocks(0)), w + 1)
        np.testing.assert_array_equal(next(update.blocks(1)), b + 1)


def test_an_update_of_another_structure_stays_as_it_is(encode):
    """The combiner names the first array that differs."""
    assert not is_encoded(encode("delta", [TRAINED[0].T, TRAINED[1]]))
