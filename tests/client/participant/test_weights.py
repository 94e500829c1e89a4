"""Local models as users give them."""

import numpy as np
import pytest
from small_coordinator import parameters

from fednet.client.participant import LocalModelDataTypeMisMatch, LocalModelLengthMisMatch
from fednet.client.participant.weights import copied, fitted
from fednet.xaynet import BoundType, DataType, GroupType, MaskConfig, ModelType


def of_round(values, data_type, length=2):
    config = MaskConfig(GroupType.Prime, data_type, BoundType.B0, ModelType.M3)
    return fitted(copied(values), parameters(bytes(32), config, length))


@pytest.mark.parametrize(
    ("values", "data_type"),
    [
        ([0.5, 1], DataType.F32),
        ((1, 2), DataType.F64),
        (np.array([0.5, 1.0]), DataType.F32),
        (np.array([0.5, 1.0], np.float16), DataType.F64),
        ([1, -2], DataType.I32),
        (np.array([1, 2], np.uint8), DataType.I64),
        ([2**63 - 1, -(2**63)], DataType.I64),
    ],
)
def test_numbers_get_the_dtype_of_the_round(values, data_type):
    """Lists, tuples and arrays; integers are fine for a model of floats."""
    model = of_round(values, data_type)

    assert model.dtype.name == {"F": "float", "I": "int"}[data_type.name[0]] + data_type.name[1:]
    assert model.tolist() == list(values)


@pytest.mark.parametrize(
    ("values", "data_type"),
    [
        (["a", "b"], DataType.F32),
        ([None, 1.0], DataType.F32),
        ([True, False], DataType.I32),
        ([[1.0, 2.0]], DataType.F32),
        ([[1.0], [1.0, 2.0]], DataType.F32),
        (1.0, DataType.F32),
        (None, DataType.F32),
        ([1 + 1j, 2], DataType.F64),
        ([float("nan"), 1.0], DataType.F32),
        ([float("inf"), 1.0], DataType.F64),
        ([1e39, 1.0], DataType.F32),
        ([1.0, 2.0], DataType.I32),
        ([2**31, 0], DataType.I32),
        ([2**63, 0], DataType.I64),
        ([2**70, 0], DataType.I64),
    ],
)
def test_other_elements_are_refused(values, data_type):
    """No value is cut, rounded to an integer or made up."""
    with pytest.raises(LocalModelDataTypeMisMatch):
        of_round(values, data_type)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0]])
def test_another_length_is_refused(values):
    """The message has both numbers."""
    with pytest.raises(LocalModelLengthMisMatch, match=f"{len(values)} elements.*2"):
        of_round(values, DataType.F32)


def test_a_model_is_copied():
    """The user may go on training in place."""
    values = np.array([1.0, 2.0])
    model = copied(values)
    values[:] = 0

    assert model.tolist() == [1.0, 2.0]
