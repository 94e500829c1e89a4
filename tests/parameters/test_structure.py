"""The structure of a model and the checks on it."""

import numpy as np
import pytest

from fednet import limits
from fednet.errors import InvalidModel
from fednet.parameters import ArraySpec, Structure, check_structure


def test_counts_parameters_and_bytes():
    """A structure knows how many parameters it has and how many bytes they take."""
    structure = Structure.of([np.zeros((64, 10), np.float32), np.zeros((), np.int64)])

    assert structure.size == 641
    assert structure.nbytes == 64 * 10 * 4 + 8


def test_is_equal_by_value():
    """Two structures are equal if every name, shape and dtype is, in whatever byte order."""
    little = Structure.of([np.zeros((2, 3), "<f4")])
    big = Structure.of([np.zeros((2, 3), ">f4")])
    wider = Structure.of([np.zeros((2, 3), "<f8")])

    assert little == big
    assert little != wider


def test_describes_itself_in_one_short_line():
    """However many arrays there are, a description names the first few."""
    few = Structure.of([np.zeros((3, 4)), np.zeros(4, np.float32)])
    many = Structure.of([np.zeros(1)] * 1000)

    assert few.describe() == "2 arrays, 16 parameters: '0' float64 (3, 4), '1' float32 (4,)"
    assert many.describe().startswith("1000 arrays, 1000 parameters")
    assert len(many.describe()) < 150


def test_names_the_array_with_another_shape():
    """A mismatch names the array and both shapes."""
    expected = Structure.of([np.zeros(2), np.zeros(1), np.zeros((4, 3))])
    found = Structure.of([np.zeros(2), np.zeros(1), np.zeros((3, 4))])

    with pytest.raises(InvalidModel) as caught:
        check_structure(found, expected)

    assert "'2' has shape (3, 4), but in the global model (4, 3)" in caught.value.message


@pytest.mark.parametrize("count", [1, 3])
def test_refuses_another_number_of_arrays(count):
    """A missing array and one too many are refused."""
    expected = Structure.of([np.zeros(2)] * 2)

    with pytest.raises(InvalidModel, match=f"has {count} arrays"):
        check_structure(Structure.of([np.zeros(2)] * count), expected)


def test_accepts_another_dtype_of_the_same_shape():
    """An update may be float64 where the global model is float32."""
    check_structure(Structure.of([np.zeros(2)]), Structure.of([np.zeros(2, np.float32)]))


@pytest.mark.parametrize(
    "dtype", ["O", "U3", "S3", "c8", "c16", "M8[s]", "m8[s]", "f4,i4", "V4", "longdouble"]
)
def test_refuses_arrays_that_are_no_numbers(dtype):
    """Objects, texts, complex numbers, dates and structures are no parameters."""
    with pytest.raises(InvalidModel, match="Array '0' has dtype"):
        Structure.of([np.zeros(2, dtype)])


def test_refuses_too_many_dimensions():
    """An array has at most limits.array_dimensions_max dimensions."""
    shape = (1,) * (limits.array_dimensions_max + 1)

    with pytest.raises(InvalidModel, match="dimensions"):
        ArraySpec("0", shape, "float32")


@pytest.mark.parametrize("shape", [(-1,), (2**40,), (0, 2**62, 2**62)])
def test_refuses_shapes_that_no_memory_has(shape):
    """Negative lengths and arrays beyond limits.model_bytes_max are refused, empty ones too."""
    with pytest.raises(InvalidModel, match="Array '7' has shape"):
        ArraySpec("7", shape, "float32")


@pytest.mark.parametrize("count", [0, limits.model_arrays_max + 1])
def test_refuses_no_arrays_and_too_many(count):
    """A model has between one and limits.model_arrays_max arrays."""
    with pytest.raises(InvalidModel, match=f"has {count} arrays"):
        Structure((ArraySpec("0", (), "bool"),) * count)


def test_refuses_arrays_that_are_too_large_together():
    """The arrays of a model share limits.model_bytes_max."""
    half = ArraySpec("0", (limits.model_bytes_max // 8 + 1,), "float32")

    with pytest.raises(InvalidModel, match="at most"):
        Structure((half, half))
