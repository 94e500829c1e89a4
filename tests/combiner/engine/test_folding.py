"""Folding: an update is in as a whole or not at all."""

import numpy as np
import pytest

from fednet import limits
from fednet.aggregation import aggregator
from fednet.combiner.engine.folding import Folding, merged, structure_of
from fednet.errors import InvalidModel
from fednet.parameters import ArraySpec, Structure, model_format, write_model

NPZ = model_format("numpyhelper")
MODEL = [np.zeros((2, 3), np.float32), np.zeros(4, np.float32)]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a model file."""

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
    """The mean is weighted by the reported examples."""
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
    """Not one number of a refused update is in the partial."""
    folding.fold(write(*filled(1.0)), 1.0, {})
    before = mean_of(folding)

    with pytest.raises(InvalidModel, match=reason):
        folding.fold(write(*arrays), num_examples, {})

    assert (folding.partial.updates, folding.partial.weight) == (1, 1.0)
    for array, earlier in zip(mean_of(folding), before, strict=True):
        np.testing.assert_array_equal(array, earlier)


def test_a_file_that_is_no_model_is_refused(folding, tmp_path):
    """A file that was never uploaded is refused as well."""
    (tmp_path / "no-model").write_bytes(b"no model")

    with pytest.raises(InvalidModel):
        folding.fold(tmp_path / "no-model", 1.0, {})
    with pytest.raises(InvalidModel, match="never uploaded"):
        folding.fold(tmp_path / "nothing", 1.0, {})
    assert folding.partial.updates == 0


def test_every_update_that_can_be_folded_may_be_uploaded(folding, tmp_path):
    """The bound on an upload has room for the widest dtype, in whichever way it was saved."""
    wide = filled(1.0, np.float64)
    for name, save in (("plain", np.savez), ("small", np.savez_compressed)):
        save(tmp_path / f"{name}.npz", **{str(i): array for i, array in enumerate(wide)})
        assert (tmp_path / f"{name}.npz").stat().st_size <= folding.update_bytes_max


def test_every_update_of_long_names_may_be_uploaded(tmp_path):
    """Names of safetensors may be as long as a model's, and of letters that JSON makes twelve of."""
    form = model_format("safetensors")
    names = ["\U0001f600" * (limits.array_name_characters_max - 2) + f"{n:02}" for n in range(20)]
    specs = tuple(ArraySpec(name, (2,), "float64") for name in names)
    structure = Structure(specs)

    digest = form.write(tmp_path / "update", [np.zeros(2)] * 20, structure)

    folding = Folding(aggregator("fedavg"), structure, form)
    assert digest.size_bytes <= folding.update_bytes_max
    assert folding.fold(tmp_path / "update", 1.0, {}) == 1.0


def test_an_update_is_folded_by_names_or_by_places(tmp_path):
    """A package that saves a list has no names to give; other names are another model."""
    form = model_format("safetensors")
    base = Structure((ArraySpec("a", (2,), "float32"), ArraySpec("b", (), "float64")))
    folding = Folding(aggregator("fedavg"), base, form)
    arrays = [np.ones(2), np.array(3.0)]
    form.write(tmp_path / "named", arrays, base)
    form.write(tmp_path / "listed", arrays)
    other = Structure((ArraySpec("a", (2,), "float32"), ArraySpec("c", (), "float64")))
    form.write(tmp_path / "other", arrays, other)

    folding.fold(tmp_path / "named", 1.0, {})
    folding.fold(tmp_path / "listed", 3.0, {})

    with pytest.raises(InvalidModel, match="'c'"):
        folding.fold(tmp_path / "other", 1.0, {})
    assert [array.tolist() for array in mean_of(folding)] == [[1, 1], 3]
    assert folding.partial.updates == 2


def test_numbers_that_are_not_aligned_are_folded(tmp_path):
    """Another program may let a mask of three bytes precede its weights."""
    form = model_format("safetensors")
    base = Structure((ArraySpec("a", (3,), "bool"), ArraySpec("b", (2,), "float64")))
    folding = Folding(aggregator("fedavg"), base, form)
    form.write(tmp_path / "update", [np.array([True, False, True]), np.array([1.5, 2.5])], base)
    with form.open(tmp_path / "update") as opened:
        assert not opened.arrays[1].flags.aligned

    folding.fold(tmp_path / "update", 1.0, {})

    assert [array.tolist() for array in mean_of(folding)] == [[True, False, True], [1.5, 2.5]]


def test_a_partial_of_named_arrays_is_saved_and_loaded(tmp_path):
    """It goes by places: names are the model's."""
    base = Structure((ArraySpec("a", (2,), "float32"), ArraySpec("b", (), "float64")))
    for name in ("fedavg", "fedmedian", "fednova", "fedopt"):
        partial = aggregator(name).partial(base)
        partial.accumulate([np.ones(2), np.array(3.0)], 2.0, {"num_steps": 1})

        partial.save(tmp_path / name)

        loaded = aggregator(name).load(tmp_path / name, base)
        loaded.merge(partial)
        assert (loaded.updates, loaded.weight) == (2, 4.0)


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


def test_an_update_counts_for_no_more_examples_than_the_session_allows(structure, write):
    """One that reports more counts as so many; fewer, and fractions, count as they are."""
    folding = Folding(aggregator("fedavg"), structure, NPZ, examples_max=2.5)

    assert folding.fold(write(*filled(1.0)), 2.0**53, {}) == 2.5
    assert folding.fold(write(*filled(5.0)), 0.5, {}) == 0.5
    assert folding.partial.weight == 3.0

    for impossible in (1e300, 0.0, -1.0):
        with pytest.raises(InvalidModel, match="num_examples"):
            folding.fold(write(*filled(9.0)), impossible, {})
    assert folding.partial.updates == 2
