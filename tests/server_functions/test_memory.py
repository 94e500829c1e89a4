"""The memory of server functions as a file: all values come back, and hostile files do nothing."""

import json
import math
import pickle
import random
from collections import OrderedDict, deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fednet import limits
from fednet.errors import TaskFailed
from fednet.parameters import load_parameters, write_model
from fednet.server_functions._memory import FORMAT, load_memory, save_memory


def there_and_back(folder, **attributes):
    save_memory(folder / "state.npz", attributes)
    return load_memory(folder / "state.npz")


def are_equal(one, other):
    """Return True for values of the same types, shapes and contents; NaN equals NaN."""
    if type(one) is not type(other):
        return False
    match one:
        case np.ndarray():
            same_kind = one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=")
            return (
                same_kind
                and one.shape == other.shape
                and repr(one.tolist()) == repr(other.tolist())
            )
        case list() | tuple():
            return len(one) == len(other) and all(map(are_equal, one, other))
        case dict():
            return are_equal(list(one.items()), list(other.items()))
        case set() | frozenset():
            return one == other
        case _:
            return repr(one) == repr(other)


NUMBERS = st.one_of(st.integers(), st.floats(), st.complex_numbers())
TEXTS = st.one_of(st.text(st.characters(), max_size=8), st.binary(max_size=8))
HASHABLE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3)
    ),
    max_leaves=5,
)
DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.unicode_string_dtypes(endianness="?"),
    hnp.byte_string_dtypes(),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
SCALARS = hnp.arrays(DTYPES, ()).map(lambda array: array[()])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, ARRAYS, SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(HASHABLE, max_size=3),
        st.dictionaries(HASHABLE, inner, max_size=3),
    ),
    max_leaves=10,
)


@given(attributes=st.dictionaries(st.text(max_size=5), VALUES, max_size=3))
def test_every_value_comes_back_as_it_was(tmp_path_factory, attributes):
    """All types that are kept come back with their types, dtypes, shapes and contents."""
    back = there_and_back(tmp_path_factory.getbasetemp(), **attributes)

    assert are_equal(attributes, back)


def test_what_comes_back_can_be_changed(tmp_path):
    """Arrays are writable, and two names of one list become two lists."""
    shared = [1]
    back = there_and_back(tmp_path, momentum=np.zeros(3, np.float32), one=shared, two=shared)

    back["momentum"] += 1
    back["one"].append(2)

    assert back["momentum"].tolist() == [1, 1, 1]
    assert back["two"] == [1]


@pytest.mark.parametrize(
    "generator",
    [
        np.random.default_rng(7),
        np.random.Generator(np.random.PCG64DXSM(7)),
        np.random.Generator(np.random.SFC64(7)),
    ],
    ids=lambda each: type(each.bit_generator).__name__,
)
def test_a_generator_of_numpy_goes_on_where_it_was(generator, tmp_path):
    """The next numbers and the next children are the same, also after half a draw of 64 bits."""
    generator.integers(10, dtype=np.uint32)
    generator.spawn(2)
    back = there_and_back(tmp_path, rng=generator)["rng"]

    assert back.random(5).tolist() == generator.random(5).tolist()
    assert back.spawn(1)[0].random() == generator.spawn(1)[0].random()


def test_a_generator_of_python_goes_on_where_it_was(tmp_path):
    """The next numbers are the same, also between the two halves of a pair of Gaussian ones."""
    generator = random.Random(7)
    generator.gauss(0, 1)
    back = there_and_back(tmp_path, rng=generator)["rng"]

    assert [back.gauss(0, 1), back.random()] == [generator.gauss(0, 1), generator.random()]


class Note:
    """A class of the user's."""


class Text(str):
    """A text with a class of its own."""

    __slots__ = ()


holds_itself = []
holds_itself.append(holds_itself)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Note(), ".test_memory.Note"),
        ([{"a": (Note(),)}], ".test_memory.Note"),
        (Text("a"), ".test_memory.Text"),
        (OrderedDict(a=1), "collections.OrderedDict"),
        (deque([1]), "collections.deque"),
        (len, "builtin_function_or_method"),
        (np, "object of type module"),
        (object(), "object of type object"),
        (np.array([None]), "an array of dtype object"),
        (np.zeros(2, "i4,f4"), "an array of dtype"),
        (np.array([1], np.longdouble), "an array of dtype float128"),
        (np.longdouble(1), "a NumPy scalar of dtype float128"),
        (np.ma.array([1]), "object of type numpy.ma.MaskedArray"),
        (np.random.Generator(np.random.MT19937(1)), "MT19937; make it by numpy.random.default_rng"),
        (np.random.RandomState(1), "RandomState"),
        (random.SystemRandom(), "SystemRandom"),
        (holds_itself, "or holds itself"),
        ([0] * 1_000_001, "one of more than 1000000 values"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_cannot_be_kept_is_refused_by_name(value, words, tmp_path):
    """The error names the attribute and the type, and lists what can be kept; no file is left."""
    with pytest.raises(TaskFailed) as refused:
        save_memory(tmp_path / "state.npz", {"fine": 1, "note": value})

    assert "The attribute 'note' of self cannot be kept for the next run" in refused.value.message
    assert words in refused.value.message
    assert "NumPy arrays" in refused.value.message
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_limit_is_refused(tmp_path):
    """Arrays count by their bytes, without being written."""
    large = np.broadcast_to(np.float64(0), limits.server_functions_state_bytes_max // 8)

    with pytest.raises(TaskFailed, match=f"at most {limits.server_functions_state_bytes_max}"):
        save_memory(tmp_path / "state.npz", {"large": large})
    with pytest.raises(TaskFailed, match="beside their arrays"):
        save_memory(
            tmp_path / "state.npz",
            {"large": "x" * limits.server_functions_description_bytes_max},
        )

    assert list(tmp_path.iterdir()) == []


# Files that nobody has written by `save_memory`


def described(*values, form=FORMAT):
    return json.dumps({"format": form, "attributes": dict(zip("abc", values, strict=False))})


def nested(levels, kind="list"):
    encoded = []
    for _ in range(levels):
        encoded = {kind: [encoded]} if kind != "list" else [encoded]
    return described(encoded)


STATE = np.random.default_rng(1).bit_generator.state
PCG64 = {"dict": [["bit_generator", "PCG64"], ["state", {"dict": []}]]}
MT19937 = {"dict": [["bit_generator", "MT19937"]]}

HOSTILE = [
    "",
    "x",
    "[]",
    "null",
    "{}",
    "\x80\x04",
    described(form="fednet memory 2"),
    json.dumps({"format": FORMAT, "attributes": [1]}),
    json.dumps({"format": FORMAT}),
    described(float("nan")),
    described({}),
    described({"int": "0x1", "float": "1"}),
    described({"__reduce__": ["os.system", "true"]}),
    described({"os.system": ["true"]}),
    described({"int": "__import__('os')"}),
    described({"int": 1}),
    described({"float": "one"}),
    described({"complex": [1.0]}),
    described({"complex": ["os", "path"]}),
    described({"tuple": "abc"}),
    described({"tuple": {"tuple": []}}),
    described({"set": [[1]]}),
    described({"dict": [[[1], 2]]}),
    described({"dict": [[1, 2, 3]]}),
    described({"dict": {"a": 1}}),
    described({"dict": ["ab"]}),
    described({"array": 0}),
    described({"array": 2}),
    described({"array": -1}),
    described({"array": "1"}),
    described({"array": 1}, {"array": 1}),
    described(1),  # the array has no place
    described({"bytes_array": [1, "O", [1]]}),
    described({"bytes_array": [1, "V8", [1]]}),
    described({"bytes_array": [1, "i4,f4", [1]]}),
    described({"bytes_array": [1, "U0", [1]]}),
    described({"bytes_array": [1, "<U999999999", [1]]}),
    described({"bytes_array": [1, "<U1", [3]]}),
    described({"bytes_array": [1, "<U1", [-1, 0]]}),
    described({"bytes_array": [1, "<U1", ["2"]]}),
    described({"scalar": ["O", "AAAAAAAAAAA="]}),
    described({"scalar": ["<f4", "AAAA"]}),
    described({"scalar": ["<f4", "AAAAAAAAAAA="]}),
    described({"scalar": ["<f4", "****"]}),
    described({"scalar": ["<f4"]}),
    described({"numpy_str": 1}),
    described({"random": [3, [], None]}),
    described({"random": [3, [2**32] * 625, None]}),
    described({"random": [3, [0] * 624 + [625], None]}),
    described({"random": [2, [0] * 625, None]}),
    described({"generator": [MT19937, [1, {"tuple": []}, 0]]}),
    described({"generator": [PCG64, [1, {"tuple": []}, 0]]}),
    described({"generator": [PCG64, ["os", {"tuple": []}, 0]]}),
    described({"generator": [{"dict": [["bit_generator", "os"]]}, [1, {"tuple": []}, 0]]}),
    described({"generator": ["PCG64", [1, {"tuple": []}, 0]]}),
    '{"format": "fednet memory 1", "attributes": {"a": ' + "9" * 5_000 + "}}",
    nested(limits.server_functions_state_levels_max + 1),
    nested(limits.server_functions_state_levels_max + 1, "tuple"),
    '{"format": "fednet memory 1", "attributes": {"a": ' + "[" * 100_000,
    described([0] * (limits.server_functions_state_values_max + 1)),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[40:100])
def test_a_hostile_description_is_refused(text, tmp_path):
    """Names in it are never looked up; wrong types, numbers and sizes are damage."""
    path = tmp_path / "state.npz"
    write_model(path, [np.frombuffer(text.encode("latin1"), np.uint8), np.zeros(8, np.uint8)])

    with pytest.raises(TaskFailed, match="memory of the server functions"):
        load_memory(path)


@given(data=st.data())
def test_a_changed_description_is_refused_or_gives_plain_values(tmp_path_factory, data):
    """No change of a description makes anything but an error or values of the kept types."""
    path = tmp_path_factory.getbasetemp() / "changed.npz"
    save_memory(path, {"a": [1, 2.5, (np.float32(1), b"x", "y")], "rng": np.random.default_rng(1)})
    text, *arrays = load_parameters(path)
    place = data.draw(st.integers(0, text.size - 1))
    text[place] = data.draw(st.integers(0, 255))
    write_model(path, [text, *arrays])

    try:
        values = load_memory(path)
    except TaskFailed:
        return
    assert set(map(type, values.values())) <= {
        list, tuple, set, frozenset, str, int, float, np.random.Generator
    }  # fmt: skip


def test_a_pickle_of_an_older_version_is_never_loaded(tmp_path):
    """The refusal says that it is a pickle; its code does not run."""
    marker = tmp_path / "it-ran"
    path = tmp_path / "state.npz"

    class Attack:
        def __reduce__(self):
            return marker.touch, ()

    write_model(path, [np.frombuffer(pickle.dumps({"a": Attack()}), np.uint8)])

    with pytest.raises(TaskFailed, match="is a pickle"):
        load_memory(path)

    assert not marker.exists()


def test_a_file_that_is_no_model_file_is_refused(tmp_path):
    """Half a file is damage, not an exception of the reader's."""
    path = tmp_path / "state.npz"
    save_memory(path, {"a": math.pi})
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(TaskFailed, match="is damaged"):
        load_memory(path)
