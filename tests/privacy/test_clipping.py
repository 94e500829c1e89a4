"""Clipping against a global model."""

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from fednet.errors import InvalidModel
from fednet.parameters import MadeArray, Structure, flat_blocks, load_parameters, model_format
from fednet.privacy import Clipping, PrivacyTerms, write_private

NPZ = model_format("numpyhelper")
FLOATS = st.sampled_from([np.float16, np.float32, np.float64])


def numbers(dtype, shape):
    largest = float(np.finfo(dtype).max)
    within = st.floats(-largest, largest, width=np.dtype(dtype).itemsize * 8)
    return arrays_of.arrays(dtype, shape, elements=within)


@st.composite
def models(draw):
    """A global model and an update of its shapes; the last array holds integers."""
    shapes = draw(st.lists(arrays_of.array_shapes(min_dims=0, max_side=5), min_size=1, max_size=3))
    model, update = [], []
    for shape in shapes:
        model.append(draw(numbers(draw(FLOATS), shape)))
        update.append(draw(numbers(draw(FLOATS), shape)))
    counter = arrays_of.arrays(np.int64, (2,))
    return [*model, draw(counter)], [*update, draw(counter)]


def clipping_of(model):
    return Clipping(Structure.of(model), model)


def whole(arrays):
    return [np.concatenate(list(flat_blocks(array))).reshape(array.shape) for array in arrays]


@settings(max_examples=40)
@given(models(), st.floats(1e-6, 1e6))
def test_no_difference_is_longer_than_the_clip(given_models, clip):
    """For any finite arrays of any dtypes, but for the rounding of float64; or the update is refused."""
    model, update = given_models
    clipping = clipping_of(model)

    if not math.isfinite(clipping.norm(update)):
        with pytest.raises(InvalidModel, match="too far"):
            clipping.clipped(update, clip)
        return
    clipped = whole(clipping.clipped(update, clip))

    size = np.sqrt(sum(float(np.square(each.astype(np.float64)).sum()) for each in model[:-1]))
    assert clipping.norm(clipped) <= clip * (1 + 1e-9) + 1e-15 * size
    np.testing.assert_array_equal(clipped[-1], model[-1])


@settings(max_examples=20)
@given(models())
def test_a_difference_within_the_clip_stays_as_it_is(given_models):
    """Not one digit changes."""
    model, update = given_models
    clipping = clipping_of(model)
    norm = clipping.norm(update)

    if math.isfinite(norm):
        clipped = whole(clipping.clipped(update, norm + 1))
        for before, after in zip(update[:-1], clipped[:-1], strict=True):
            np.testing.assert_array_equal(before, after)


def test_a_clipped_difference_keeps_its_direction():
    """It is scaled as a whole, over all arrays."""
    model = [np.ones(2), np.ones((1, 2))]
    update = [np.array([4.0, 1.0]), np.array([[1.0, 5.0]])]

    clipped = whole(clipping_of(model).clipped(update, 1.0))

    np.testing.assert_allclose(clipped[0], [1.6, 1.0])
    np.testing.assert_allclose(clipped[1], [[1.0, 1.8]])


def test_a_client_writes_floats_in_the_dtypes_of_the_model_whatever_it_has_trained():
    """An update of integers gets its noise, too: none of its numbers is exact."""
    model = [np.zeros(1000, np.float32), np.array([3])]
    update = [np.zeros(1000, np.int64), np.array([4])]

    file = io.BytesIO()
    terms = PrivacyTerms(clip=1.0, deviation=0.5)
    is_within = write_private(file, NPZ, update, clipping_of(model), terms)
    file.seek(0)
    with np.load(file) as written:
        noisy, counter = written["0"], written["1"]

    assert is_within
    assert noisy.dtype == np.float32
    assert noisy.std() == pytest.approx(0.5, rel=0.2)
    assert counter.tolist() == [3]


def test_noise_beyond_the_range_of_a_dtype_becomes_its_end(tmp_path):
    """So the file holds finite numbers, which the combiner takes."""
    model = [np.zeros(100, np.float16)]

    with (tmp_path / "update.npz").open("wb") as file:
        write_private(file, NPZ, model, clipping_of(model), PrivacyTerms(1.0, deviation=1e9))

    (noisy,) = load_parameters(tmp_path / "update.npz")
    assert np.isfinite(noisy).all()


@pytest.mark.parametrize("length", [0.5, 2.0])
def test_an_update_is_read_once_for_its_norm_and_once_to_be_written(length):
    """Each reading of a large model costs seconds."""
    readings = []

    def make():
        readings.append(1)
        yield np.array([length, 0.0])

    update = [MadeArray((2,), np.dtype(np.float64), make)]

    is_within = write_private(
        io.BytesIO(), NPZ, update, clipping_of([np.zeros(2)]), PrivacyTerms(clip=1.0, deviation=0.0)
    )

    assert is_within == (length < 1.0)
    assert len(readings) == 2
