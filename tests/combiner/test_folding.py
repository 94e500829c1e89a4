"""Folding: an update is in as a whole or not at all."""

import numpy as np
import pytest

from fednet.aggregation import aggregator
from fednet.combiner.folding import Folding, merged, structure_of
from fednet.errors import InvalidModel
from fednet.parameters import model_format, write_model

NPZ = model_format("numpyhelper")
MODEL = [np.zeros((2, 3), np.float32), np.zeros(4, np.float32)]


@pytest.fixture
def write(tmp_path):
    """Writes a model file."""

    def write_arrays(*arrays, name="update.npz"):
        write_model(tmp_path / name, arrays)
        return tmp_path / name

    return write_arrays


@pytest.fixture
def structure(write):
    return structure_of(write(*MODEL, name="model.npz"), NPZ)


@pytest.fixture
def folding(structure):
    return Folding(aggregator("fedavg"), structure, NPZ)


def filled(number, dtype=np.float32):
    return [np.full(array.shape, number, dtype) for array in MODEL]


def mean_of(folding):
    return [array.copy() for array in folding.partial.finish()]


def test_updates_count_by_their_examples(folding, write):
    """The mean is weighted, and the weight is what was said."""
    assert folding.fold(write(*filled(1.0)), 1.0, {}) == 1.0
    assert folding.fold(write(*filled(5.0)), 3.0, {}) == 3.0

    assert (folding.partial.updates, folding.partial.weight) == (2, 4.0)
    for array in mean_of(folding):
        np.testing.assert_array_equal(array, np.float32(4.0))


def not_finite(number):
    arrays = filled(1.0)
    arrays[1][-1] = number
    return arrays


@pytest.mark.parametrize(
    ("arrays", "num_examples", "reason"),
    [
        (filled(2.0), None, "num_examples"),
        (filled(2.0), 0.0, "num_examples"),
        (filled(2.0), -1.0, "num_examples"),
        (filled(2.0), float("nan"), "num_examples"),
        (filled(2.0), float("inf"), "num_examples"),
        (filled(2.0), 2.0**60, "num_examples"),
        (not_finite(np.nan), 1.0, "Array '1' holds NaN"),
        (not_finite(np.inf), 1.0, "Array '1' holds NaN or infinite"),
        (filled(2.0)[:1], 1.0, "array"),
        ([*filled(2.0), np.zeros(1, np.float32)], 1.0, "array"),
        ([np.zeros((3, 2), np.float32), np.zeros(4, np.float32)], 1.0, "shape"),
        ([np.zeros(10_000), np.zeros(4)], 1.0, "shape"),
        ([np.zeros(1_000_000), np.zeros(4)], 1.0, "at most .* are expected"),
    ],
)
def test_a_refused_update_leaves_the_partial_as_it_was(
    folding, write, arrays, num_examples, reason
):
    """Whatever is wrong with it, not one number of it is in."""
    folding.fold(write(*filled(1.0)), 1.0, {})
    before = mean_of(folding)

    with pytest.raises(InvalidModel, match=reason):
        folding.fold(write(*arrays), num_examples, {})

    assert (folding.partial.updates, folding.partial.weight) == (1, 1.0)
    for array, earlier in zip(mean_of(folding), before, strict=True):
        np.testing.assert_array_equal(array, earlier)


def test_a_file_that_is_no_model_is_refused(folding, tmp_path):
    """Also one that was never uploaded."""
    (tmp_path / "no-model").write_bytes(b"no model")

    with pytest.raises(InvalidModel):
        folding.fold(tmp_path / "no-model", 1.0, {})
    with pytest.raises(InvalidModel, match="never uploaded"):
        folding.fold(tmp_path / "nothing", 1.0, {})
    assert folding.partial.updates == 0


def test_every_update_that_can_be_folded_may_be_uploaded(folding, tmp_path):
    """The bound on an upload has room for the widest dtype, however it was saved."""
    wide = filled(1.0, np.float64)
    for name, save in (("plain", np.savez), ("small", np.savez_compressed)):
        save(tmp_path / f"{name}.npz", **{str(i): array for i, array in enumerate(wide)})
        assert (tmp_path / f"{name}.npz").stat().st_size <= folding.update_bytes_max


def test_a_bomb_is_refused_before_it_is_inflated(folding, tmp_path):
    """A small file of a huge array costs nothing."""
    np.savez_compressed(tmp_path / "bomb.npz", **{"0": np.zeros(10_000_000)})

    with pytest.raises(InvalidModel, match=r"at most .* are expected"):
        folding.fold(tmp_path / "bomb.npz", 1.0, {})


def test_merged_partials_are_those_of_all_updates(structure, write):
    """One partial or several, and the partials stay as they are."""
    kind = aggregator("fedavg")
    first, second = Folding(kind, structure, NPZ), Folding(kind, structure, NPZ)
    first.fold(write(*filled(1.0)), 1.0, {})
    second.fold(write(*filled(5.0)), 3.0, {})

    for _ in range(2):
        total = merged(kind, structure, [first.partial, second.partial])
        np.testing.assert_array_equal(next(total.finish([], None)), np.float32(4))
    total = merged(kind, structure, [first.partial])
    np.testing.assert_array_equal(next(total.finish([], None)), np.float32(1))
