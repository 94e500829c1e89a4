"""Parameters in memory: a list of arrays with names."""

import copy
import pickle

import numpy as np
import pytest

from fednet.errors import InvalidModel
from fednet.parameters import Parameters, in_order, load_parameters

ARRAYS = [np.zeros(2), np.ones(3)]


def test_parameters_are_a_list_with_names():
    """Whoever expects a list of arrays has one."""
    parameters = Parameters(ARRAYS, ["w", "b"])

    assert isinstance(parameters, list)
    assert [array.tolist() for array in parameters] == [[0, 0], [1, 1, 1]]
    assert parameters.names == ("w", "b")
    assert {name: array.tolist() for name, array in parameters.as_dict().items()} == {
        "w": [0, 0],
        "b": [1, 1, 1],
    }


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))]
)
def test_copies_keep_the_names(copied):
    """They go to other processes, too."""
    assert copied(Parameters(ARRAYS, ["w", "b"])).as_dict().keys() == {"w", "b"}


def test_the_arrays_by_name_are_those_that_are_in_the_list_now():
    """A function may replace an array; with other arrays, no name is right."""
    parameters = Parameters(ARRAYS, ["w", "b"])
    parameters[0] = np.full(2, 7.0)
    assert parameters.as_dict()["w"].tolist() == [7, 7]

    parameters.append(np.zeros(1))
    with pytest.raises(InvalidModel, match="3 arrays, but the model has 2 names"):
        parameters.as_dict()


def test_a_list_of_an_npz_is_named_by_position(tmp_path):
    """FEDn's files have no other names."""
    np.savez(tmp_path / "m.npz", **{str(place): array for place, array in enumerate(ARRAYS)})

    assert load_parameters(tmp_path / "m.npz").names == ("0", "1")


def test_arrays_by_name_come_in_the_order_of_the_model():
    """Whatever the order of the dict."""
    made = in_order({"b": 1, "w": 0}, ("w", "b"))

    assert made == [0, 1]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"w": 0}, "lacks 'b'"),
        ({"w": 0, "b": 1, "c": 2}, "has the unknown 'c'"),
        ({"w": 0, "B": 1}, "lacks 'b' and has the unknown 'B'"),
        ({str(n): n for n in range(9)}, "lacks 'w', 'b' and has the unknown '0', '1', '2', …"),
    ],
)
def test_other_names_are_refused_by_name(arrays, words):
    """The message says which."""
    with pytest.raises(InvalidModel, match=words):
        in_order(arrays, ("w", "b"))
