"""The safetensors format, held against the library of that name, and against hostile files."""

import json
import struct
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fednet import limits
from fednet.errors import InvalidModel
from fednet.parameters import ArraySpec, Structure, model_format

FORM = model_format("safetensors")
ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def raw(header, data=b"\0" * 8):
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(content)) + content + data


def test_arrays_keep_the_order_of_the_file(tmp_path):
    """What is written in the order of a state dict is read in it, however many layers there are."""
    names = [f"layer.{number}.{part}" for number in range(12) for part in ("weight", "bias")]
    arrays = {name: np.array([place]) for place, name in enumerate(names)}
    specs = tuple(ArraySpec.of(name, array) for name, array in arrays.items())
    FORM.write(tmp_path / "m", arrays.values(), Structure(specs))

    loaded = FORM.load(tmp_path / "m")

    assert loaded.names == tuple(names)
    assert [int(array[0]) for array in loaded] == list(range(24))
    assert list(loaded.as_dict()) == names
    assert list(load_file(tmp_path / "m")) == names


def test_arrays_without_numbers_keep_their_place(tmp_path):
    """An empty array takes no bytes; the header tells its place among others of its kind."""
    arrays = {
        "z": np.zeros(0),
        "b": np.ones(1),
        "y": np.zeros((0, 2)),
        "x": np.zeros(0),
        "a": np.ones(1),
    }
    specs = tuple(ArraySpec.of(name, array) for name, array in arrays.items())
    FORM.write(tmp_path / "m", arrays.values(), Structure(specs))

    assert FORM.load(tmp_path / "m").names == ("z", "b", "y", "x", "a")


def test_bfloat16_is_read_as_float32(tmp_path):
    """Each number stays as it is, the infinite ones too; other arrays are viewed beside them, and shapes stay."""
    numbers = np.array([1.0, -2.5, 2.0**-130, np.inf, 0.0, 3.0e38], "<f4").reshape(2, 3)
    halves = (numbers.view("<u4") >> 16).astype("<u2")
    header = {
        "w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
        "none": {"dtype": "BF16", "shape": [0, 4], "data_offsets": [12, 12]},
        "n": {"dtype": "I32", "shape": [], "data_offsets": [12, 16]},
        "b": {"dtype": "BF16", "shape": [1], "data_offsets": [16, 18]},
    }
    data = halves.tobytes() + np.int32(7).tobytes() + halves[0, :1].tobytes()
    (tmp_path / "m").write_bytes(raw(header, data))

    loaded = FORM.load(tmp_path / "m")

    widened = (halves.astype("<u4") << 16).view("<f4")
    assert loaded.names == ("w", "none", "n", "b")
    assert [array.dtype.name for array in loaded] == ["float32", "float32", "int32", "float32"]
    assert np.array_equal(loaded[0], widened)
    assert loaded[1].shape == (0, 4)
    assert (int(loaded[2]), float(loaded[3][0])) == (7, 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_written_file_has_no_bfloat16(tmp_path):
    """A model that was read from such a file is written as float32."""
    header = {"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    (tmp_path / "m").write_bytes(raw(header, b"\x80\x3f\x00\x40"))
    with FORM.open(tmp_path / "m") as model:
        FORM.write(tmp_path / "n", model.arrays, model.structure)

    assert load_file(tmp_path / "n")["w"].tolist() == [1.0, 2.0]


def test_the_order_is_that_of_the_numbers_not_of_the_header(tmp_path):
    """Some writers sort the header alone."""
    header = {
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    (tmp_path / "m").write_bytes(raw(header))

    assert FORM.load(tmp_path / "m").names == ("b", "a")


def test_a_file_of_the_library_has_the_order_of_the_library(tmp_path):
    """It sorts by dtype, then by name."""
    tensors = {
        "layer.2": np.arange(6, dtype=np.float16).reshape(2, 3),
        "layer.1": np.arange(3, dtype=np.float64),
        "bias": np.array(True),
    }
    save_file(tensors, tmp_path / "m", {"format": "np"})

    with FORM.open(tmp_path / "m") as model:
        names = [spec.name for spec in model.structure.arrays]
        assert names == ["layer.1", "layer.2", "bias"]
        for name, array in zip(names, model.arrays, strict=True):
            assert np.array_equal(array, tensors[name])
            assert array.dtype == tensors[name].dtype


def test_numbered_arrays_are_ordered_by_number(tmp_path):
    """Ten comes after two."""
    save_file({str(n): np.array([n]) for n in range(12)}, tmp_path / "m")

    assert [int(array[0]) for array in FORM.load(tmp_path / "m")] == list(range(12))


def test_the_library_reads_what_we_write_by_the_global_models_names(tmp_path):
    """The new model has the names and dtypes of the one that it comes from."""
    save_file({"w": np.zeros((2, 2), np.float32), "b": np.zeros(2, np.float32)}, tmp_path / "m")
    with FORM.open(tmp_path / "m") as model:
        structure = model.structure

    FORM.write(tmp_path / "n", iter([np.ones(2), np.full((2, 2), 3.0)]), structure)

    found = load_file(tmp_path / "n")
    assert found["w"].tolist() == [[3, 3], [3, 3]]
    assert found["b"].dtype == np.float32


def test_a_shape_that_is_not_the_structures_is_not_written(tmp_path):
    """The header has gone out by then; the file never appears."""
    FORM.write(tmp_path / "m", [np.zeros(2)])
    with FORM.open(tmp_path / "m") as model:
        structure = model.structure

    with pytest.raises(InvalidModel, match="shape"):
        FORM.write(tmp_path / "n", [np.zeros(3)], structure)
    assert not (tmp_path / "n").exists()


def test_the_numbers_are_aligned(tmp_path):
    """They are viewed where they lie."""
    FORM.write(tmp_path / "m", [np.zeros(3, np.float64)])

    with FORM.open(tmp_path / "m") as model:
        assert model.arrays[0].flags.aligned


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 8,
        b"PK\x03\x04" + b"\0" * 30,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 3) + b"{}",
        raw(b"{"),
        raw(b"[]"),
        raw(b"[" * 100_000),
        raw({}),
        raw({"__metadata__": {}}),
        raw(b'{"a": 1, "a": 2}'),
        raw({"a": 3}),
        raw({"a": {**ENTRY, "more": 1}}),
        raw({"a": {**ENTRY, "dtype": "BF16"}}),
        raw({"a": {**ENTRY, "dtype": "BF16", "shape": [3], "data_offsets": [0, 7]}}, b"\0" * 7),
        raw({"a": {**ENTRY, "dtype": "F8_E5M2", "shape": [8]}}),
        raw({"a": {**ENTRY, "dtype": ["F32"]}}),
        raw({"a": {**ENTRY, "shape": [3]}}),
        raw({"a": {**ENTRY, "shape": [-2]}}),
        raw({"a": {**ENTRY, "shape": [2.0]}}),
        raw({"a": {**ENTRY, "shape": [True, 2]}}),
        raw({"a": {**ENTRY, "shape": [2**62, 2**62, 0], "data_offsets": [0, 0]}}, b""),
        raw({"a": {**ENTRY, "shape": [1] * 40}}),
        raw({"a": {**ENTRY, "data_offsets": [8, 0]}}),
        raw({"a": {**ENTRY, "data_offsets": [0]}}),
        raw({"a": {**ENTRY, "data_offsets": [8, 16]}}, b"\0" * 16),
        raw({"a": ENTRY, "b": ENTRY}),
        raw({"a": ENTRY}, b"\0" * 7),
        raw({"a": ENTRY}, b"\0" * 9),
        raw({"a" * 513: ENTRY}),
    ],
)
def test_a_file_that_is_not_what_it_must_be_is_refused(tmp_path, content):
    """In bounded time and memory, and always as an invalid model."""
    (tmp_path / "m").write_bytes(content)

    with pytest.raises(InvalidModel):
        FORM.open(tmp_path / "m")


@pytest.mark.parametrize("piece", [b"[],", b"{},", b"1,"])
def test_a_header_of_millions_of_values_is_refused_before_it_is_parsed(tmp_path, piece):
    """Empty lists would take twenty times the size of their text."""
    content = raw(b'{"a":[' + piece * (limits.model_arrays_max * 41) + b"1]}")
    (tmp_path / "m").write_bytes(content)

    tracemalloc.start()
    with pytest.raises(InvalidModel, match="more values"):
        FORM.open(tmp_path / "m")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < 1.5 * len(content)


def test_a_header_with_long_texts_of_marks_is_read(tmp_path):
    """Programs keep JSON in the texts of a file."""
    (tmp_path / "m").write_bytes(raw({"a": ENTRY, "__metadata__": {"trained": "[{},{}]" * 20_000}}))

    with FORM.open(tmp_path / "m") as model:
        assert model.structure.size == 2
