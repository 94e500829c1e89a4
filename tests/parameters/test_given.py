"""Parameters as people hold them in memory."""

import numpy as np
import pytest

from fednet.errors import InvalidModel
from fednet.parameters import given_arrays


class Tensor:
    """A tensor with the methods of torch's that matter here; torch itself is not installed for these tests."""

    def __init__(self, numbers, dtype="torch.float32", is_detached=False):
        self.numbers, self.dtype, self.is_detached = np.asarray(numbers), dtype, is_detached

    def detach(self):
        return Tensor(self.numbers, self.dtype, is_detached=True)

    def cpu(self):
        return self

    def float(self):
        return Tensor(self.numbers.astype(np.float32), "torch.float32", self.is_detached)

    def numpy(self):
        if not self.is_detached or self.dtype == "torch.bfloat16":
            raise TypeError("Call tensor.detach() first, and convert bfloat16")
        return self.numbers


@pytest.mark.parametrize(
    ("given", "names", "dtypes"),
    [
        ([np.ones(2), np.ones(1, np.float32)], ["0", "1"], ["float64", "float32"]),
        ((np.ones(2), 3), ["0", "1"], ["float64", "int64"]),
        ({"w": np.ones(2), "b": np.ones(1, bool)}, ["w", "b"], ["float64", "bool"]),
        ({"w": Tensor(np.ones(2, np.float32))}, ["w"], ["float32"]),
        ({"w": Tensor(np.ones(2), "torch.bfloat16")}, ["w"], ["float32"]),
        ([Tensor(np.int64(3), "torch.int64")], ["0"], ["int64"]),
        (np.ones((2, 2)), ["0"], ["float64"]),
        ([[1.0, 2.0], [3.0]], ["0", "1"], ["float64", "float64"]),
    ],
)
def test_lists_mappings_and_tensors_become_arrays(given, names, dtypes):
    """Order and names are kept."""
    arrays, structure = given_arrays(given)

    assert [spec.name for spec in structure.arrays] == names
    assert (
        [spec.dtype for spec in structure.arrays]
        == dtypes
        == [array.dtype.name for array in arrays]
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "0 arrays"),
        ({}, "0 arrays"),
        (["text"], "'0' has dtype"),
        ({"w": object()}, "'w' is a object"),
        ({"w": None}, "'w' is a NoneType"),
        ([np.ones(2, np.complex64)], "complex64"),
        ({"w": [[1, 2], [3]]}, "'w' is no array"),
        (7j, "complex128"),
    ],
)
def test_anything_else_is_refused_with_its_name(given, words):
    """The refusal says which array it is."""
    with pytest.raises(InvalidModel, match=words):
        given_arrays(given)
