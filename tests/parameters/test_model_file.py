"""Opening model files, whoever wrote them."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.lib import format as npy

from fednet.errors import InvalidModel, NotFound, Unavailable
from fednet.parameters import (
    ArraySpec,
    Structure,
    load_parameters,
    model_format,
    open_model,
    write_model,
)

DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
MODELS = st.lists(ARRAYS, min_size=1, max_size=12)


def keyed(arrays):
    return {str(position): array for position, array in enumerate(arrays)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@given(arrays=MODELS, is_fortran=st.booleans())
def test_reads_what_numpy_writes(folder, save, arrays, is_fortran):
    """Stored or compressed, in any byte and memory order: the views equal what was saved."""
    if is_fortran:
        arrays = [np.asarray(array, order="F") for array in arrays]
    path = folder / "numpy.npz"
    save(path, **keyed(arrays))

    with open_model(path) as model:
        assert model.structure == Structure.of(arrays)
        for found, array in zip(model.arrays, arrays, strict=True):
            assert found.dtype == array.dtype
            assert not found.flags.writeable
            np.testing.assert_array_equal(found, array, strict=True)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_reads_named_arrays_in_the_order_of_the_file(tmp_path, save):
    """Their names are kept; those that numpy.savez numbers itself have the order of their numbers."""
    named = {"weights/layer.10": np.ones(2), "weights/layer.2": np.zeros(3), "ä": np.arange(4)}
    listed = [np.full(2, number) for number in range(12)]
    save(tmp_path / "named.npz", **named)
    save(tmp_path / "listed.npz", *listed)

    with open_model(tmp_path / "named.npz") as model:
        assert [spec.name for spec in model.structure.arrays] == list(named)
        assert [len(array) for array in model.arrays] == [2, 3, 4]
    with open_model(tmp_path / "listed.npz") as model:
        assert [array[0] for array in model.arrays] == list(range(12))


def test_writes_the_names_of_a_structure(tmp_path):
    """numpy.load finds the arrays by them, in their order; the numbers are aligned as without names."""
    named = {"ä" * 40: np.arange(3.0), "b/c.weight": np.ones((2, 2), np.float32)}
    structure = Structure(tuple(ArraySpec.of(*item) for item in named.items()))

    model_format("numpyhelper").write(tmp_path / "m.npz", named.values(), structure)

    with np.load(tmp_path / "m.npz") as found:
        assert list(found) == list(named)
        for name, array in named.items():
            np.testing.assert_array_equal(found[name], array, strict=True)
    with open_model(tmp_path / "m.npz") as model:
        assert model.structure == structure
        assert all(array.ctypes.data % 64 == 0 for array in model.arrays)


def test_arrays_are_arranged_by_name(tmp_path):
    """A model with other names stays as it is."""
    np.savez(tmp_path / "m.npz", b=np.ones(1), w=np.ones(2))
    order = Structure((ArraySpec("w", (2,), "float64"), ArraySpec("b", (1,), "float64")))
    other = Structure((ArraySpec("w", (2,), "float64"), ArraySpec("c", (1,), "float64")))

    with open_model(tmp_path / "m.npz") as model:
        model.arrange(other)
        assert [spec.name for spec in model.structure.arrays] == ["b", "w"]
        model.arrange(order)
        assert model.structure == order
        assert [array.size for array in model.arrays] == [2, 1]


@given(arrays=MODELS)
def test_numpy_reads_what_we_write(folder, arrays):
    """numpy.load gives back the arrays that write_model was given."""
    path = folder / "ours.npz"
    write_model(path, arrays)

    with np.load(path, allow_pickle=False) as found:
        assert sorted(found, key=int) == list(keyed(arrays))
        for key, array in keyed(arrays).items():
            assert found[key].shape == array.shape
            np.testing.assert_array_equal(found[key], array)


@given(arrays=MODELS)
def test_loads_owned_writable_arrays_of_this_machine(folder, arrays):
    """load_parameters gives arrays to train on: writable, contiguous, in native byte order."""
    path = folder / "load.npz"
    write_model(path, arrays)

    for found, array in zip(load_parameters(path), arrays, strict=True):
        assert found.dtype.isnative
        assert found.flags.owndata
        assert found.flags.writeable
        assert found.flags.c_contiguous
        np.testing.assert_array_equal(found, array)


def test_orders_arrays_by_number_and_not_by_text(folder):
    """Array 10 comes after array 9, wherever it stands in the archive."""
    path = folder / "order.npz"
    np.savez(path, **{str(key): np.array(key) for key in reversed(range(12))})

    with open_model(path) as model:
        assert [int(array) for array in model.arrays] == list(range(12))


def test_reads_npy_format_2(folder):
    """The second version of the npy header is read as well."""
    path = folder / "second.npz"
    member = io.BytesIO()
    npy.write_array(member, np.arange(5.0), version=(2, 0))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.npy", member.getvalue())

    with open_model(path) as model:
        np.testing.assert_array_equal(model.arrays[0], np.arange(5.0))


def test_inflates_into_a_file_that_leaves_no_name(tmp_path):
    """While a compressed model is open, and afterwards, its folder holds nothing but the model."""
    path = tmp_path / "deflated.npz"
    np.savez_compressed(path, **keyed([np.arange(1000.0)]))

    with open_model(path) as model:
        assert list(tmp_path.iterdir()) == [path]
        assert model.arrays[0].sum() == 499500
    assert list(tmp_path.iterdir()) == [path]


def test_views_outlive_the_model_file(folder):
    """A view that is still in use when its model is closed stays valid."""
    path = folder / "views.npz"
    write_model(path, [np.arange(5.0)])
    with open_model(path) as model:
        view = model.arrays[0]

    assert model.arrays == []
    assert view.sum() == 10


def test_takes_no_memory_for_what_is_not_read(tmp_path):
    """Opening a stored model of 64 MB allocates next to nothing."""
    path = tmp_path / "large.npz"
    write_model(path, (np.zeros(2**20) for _ in range(8)))

    tracemalloc.start()
    with open_model(path) as model:
        peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert model.structure.nbytes == 2**26
    assert peak_bytes < 2**20


def test_says_that_a_file_is_missing(tmp_path):
    """A path without a file is NotFound, and a folder is Unavailable: neither is a bad model."""
    with pytest.raises(NotFound):
        open_model(tmp_path / "none.npz")
    with pytest.raises(Unavailable):
        open_model(tmp_path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_holds_the_expected_size(folder, save):
    """A model of just the expected bytes is opened, one byte more is refused."""
    path = folder / "size.npz"
    save(path, **keyed([np.zeros(100), np.zeros((), np.int8)]))

    open_model(path, expected_bytes=801).close()
    with pytest.raises(InvalidModel, match="801 bytes; at most 800"):
        open_model(path, expected_bytes=800)
