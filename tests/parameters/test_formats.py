"""The formats of model files, each by the name of its helper."""

import io
import math
import mmap
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from fednet.digests import Algorithm, digest_of
from fednet.errors import InvalidInput, InvalidModel, NotFound
from fednet.parameters import (
    BLOCK_ITEMS,
    MadeArray,
    Structure,
    check_finite,
    check_structure,
    helper_names,
    model_format,
    recognised_helper,
)

DTYPES = st.sampled_from(["float64", "float32", "float16", "int64", "uint8", "bool", ">f4"])
ARRAYS = st.lists(
    DTYPES.flatmap(lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0))),
    min_size=1,
    max_size=12,
)


def bits(arrays):
    return [(array.shape, array.dtype, array.tobytes()) for array in arrays]


def native(arrays):
    return [np.ascontiguousarray(a, a.dtype.newbyteorder("=")).reshape(a.shape) for a in arrays]


def test_these_are_all():
    """FEDn's three, and safetensors; the usual one first."""
    assert helper_names() == ["numpyhelper", "binaryhelper", "androidhelper", "safetensors"]


def test_an_unknown_helper_is_refused():
    """By its field, with the names that there are; nothing is ever imported by name."""
    with pytest.raises(InvalidInput, match="safetensors") as caught:
        model_format("os")

    assert caught.value.field == "helper"


@pytest.mark.parametrize("name", ["numpyhelper", "safetensors"])
@given(arrays=ARRAYS)
def test_what_is_written_is_read(name, arrays, tmp_path_factory):
    """To the bit, in every dtype, shape and byte order."""
    path = tmp_path_factory.mktemp("model") / "model"

    digest = model_format(name).write(path, arrays)

    assert bits(model_format(name).load(path)) == bits(native(arrays))
    assert digest == digest_of(path.read_bytes(), Algorithm.BLAKE3)


@pytest.mark.parametrize(("name", "dtype"), [("binaryhelper", "<f8"), ("androidhelper", "<f4")])
def test_a_raw_file_is_the_numbers_and_nothing_else(name, dtype, tmp_path):
    """Several arrays become one vector, whatever their dtypes."""
    form = model_format(name)

    form.write(tmp_path / "m", [np.arange(4, dtype=np.int8).reshape(2, 2), np.array([0.5, -2.0])])

    numbers = np.array([0, 1, 2, 3, 0.5, -2], dtype)
    assert (tmp_path / "m").read_bytes() == numbers.tobytes()
    assert bits(form.load(tmp_path / "m")) == bits(native([numbers]))


@pytest.mark.parametrize("name", ["binaryhelper", "androidhelper"])
def test_a_file_that_is_no_whole_vector_is_refused(name, tmp_path):
    """More cannot be known of it."""
    for content in (b"", b"123"):
        (tmp_path / "m").write_bytes(content)
        with pytest.raises(InvalidModel, match="not a vector"):
            model_format(name).open(tmp_path / "m")


@pytest.mark.parametrize("name", helper_names())
def test_every_format_keeps_the_bounds(name, tmp_path):
    """A file that is larger than expected, missing, or of no arrays."""
    form = model_format(name)
    form.write(tmp_path / "m", [np.zeros(100)])

    with pytest.raises(InvalidModel, match="expected"):
        form.open(tmp_path / "m", expected_bytes=8)
    with pytest.raises(NotFound):
        form.open(tmp_path / "missing")
    with pytest.raises(InvalidModel):
        form.write(tmp_path / "none", [])
    with pytest.raises(InvalidModel):
        form.write(tmp_path / "words", [np.array(["a"])])
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "words").exists()


@pytest.mark.parametrize("name", helper_names())
def test_views_are_read_only(name, tmp_path):
    """A mapped file is nobody's to change."""
    model_format(name).write(tmp_path / "m", [np.zeros(100)])

    with model_format(name).open(tmp_path / "m") as model:
        assert not model.arrays[0].flags.writeable


@pytest.mark.parametrize("name", helper_names())
def test_a_mapped_model_may_be_written_and_its_file_stays_as_it_is(name, tmp_path):
    """So a client trains in place: no copy is made before a page is written. The file may be deleted meanwhile."""
    path = tmp_path / "model"
    model_format(name).write(path, [np.arange(5.0)])
    before = path.read_bytes()

    [array] = model_format(name).view(path)
    array += 1

    assert path.read_bytes() == before
    assert not array.flags.owndata
    path.unlink()
    assert array.tolist() == [1, 2, 3, 4, 5]


@given(ARRAYS)
def test_what_cannot_be_mapped_is_copied(arrays):
    """Numbers in another byte or memory order, deflated ones, and those that lie at odd places."""
    odd = [*arrays, np.asfortranarray(np.ones((3, 2), np.float32)), np.ones(2, ">f8")]
    with tempfile.TemporaryDirectory() as folder:
        for save in (np.savez, np.savez_compressed):
            path = Path(folder) / f"{save.__name__}.npz"
            save(path, *odd)

            found = model_format("numpyhelper").view(path)

            assert bits(found) == bits(native(odd))
            for array in found:
                assert array.flags.carray
                array[...] = 0


def test_names_of_tensors_must_be_the_global_models():
    """An update with other names is another model, though its shapes fit."""
    ours, theirs = (Structure.of([np.zeros(2)]) for _ in range(2))
    named = type(ours.arrays[0])("w", (2,), "float64")
    other = type(ours.arrays[0])("v", (2,), "float64")

    check_structure(Structure((named,)), Structure((named,)))
    check_structure(theirs, Structure((named,)))
    with pytest.raises(InvalidModel, match="'v'"):
        check_structure(Structure((other,)), Structure((named,)))


@pytest.mark.parametrize("name", helper_names())
def test_a_model_is_written_to_a_stream_in_the_same_bytes(name, tmp_path):
    """The stream is neither read nor sought, and an array of strides is walked through as it is."""
    arrays = [np.arange(12, dtype=np.float32).reshape(3, 4).T, np.arange(10.0)[::3]]

    class Stream:
        content = b""

        def write(self, data):
            self.content += data

    model_format(name).write_to(stream := Stream(), iter(arrays))

    model_format(name).write(tmp_path / "m", arrays)
    assert stream.content == (tmp_path / "m").read_bytes()


@pytest.mark.parametrize(("name", "dtype"), [("binaryhelper", "<f8"), ("androidhelper", "<f4")])
def test_raw_vectors_are_views_of_the_mapped_file(name, dtype, tmp_path):
    """So that their pages can be let go: a round of many updates does not fill the memory."""
    np.arange(5, dtype=dtype).tofile(tmp_path / "m")

    with model_format(name).open(tmp_path / "m") as model:
        assert isinstance(model.arrays[0].base, mmap.mmap)
        assert model.arrays[0].tolist() == [0, 1, 2, 3, 4]


def test_what_float32_cannot_hold_becomes_infinite():
    """And so is refused where it comes to, by whoever checks that numbers are finite."""
    stream = io.BytesIO()

    model_format("androidhelper").write_to(stream, [np.array([1e300])])

    assert np.isinf(np.frombuffer(stream.getvalue(), "<f4")).all()


@pytest.mark.parametrize("name", helper_names())
def test_a_file_shows_its_format_unless_it_is_bare_numbers(name, tmp_path):
    """Whatever the numbers are; which raw format it is, somebody has to say."""
    for numbers in (np.zeros(9), np.arange(9.0), np.full(9, 5e-324), -np.ones(9)):
        model_format(name).write(tmp_path / "m", [numbers])
        shown = recognised_helper(tmp_path / "m")
        assert shown == (None if name in {"binaryhelper", "androidhelper"} else name)


@pytest.mark.parametrize("content", [b"", b"PK", b"\0" * 8, b"\2" + b"\0" * 7, b"{}" * 8])
def test_of_other_files_nothing_is_said(content, tmp_path):
    """They may still be numbers."""
    (tmp_path / "m").write_bytes(content)

    assert recognised_helper(tmp_path / "m") is None


def test_an_array_that_is_not_finite_is_called_by_its_name():
    """Where its format has names; by its place elsewhere."""
    named = Structure((type(Structure.of([np.zeros(1)]).arrays[0])("w", (1,), "float64"),))

    with pytest.raises(InvalidModel, match="'w'"):
        check_finite([np.array([np.nan])], named)
    with pytest.raises(InvalidModel, match="'0'"):
        check_finite([np.array([np.nan])])


@pytest.mark.parametrize("name", helper_names())
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (3, BLOCK_ITEMS // 2, 2)])
def test_an_array_that_is_made_in_blocks_is_written_as_if_it_were_whole(name, shape, tmp_path):
    """To the bit, in every format, whatever the lengths of the blocks."""
    form, whole = model_format(name), np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    cuts = [len(whole.reshape(-1)) // 3, len(whole.reshape(-1)) // 2]
    made = MadeArray(shape, whole.dtype, lambda: iter(np.split(whole.reshape(-1), cuts)))
    more = np.ones(2, np.float32)

    in_blocks = form.write(tmp_path / "in blocks", [made, more])

    assert in_blocks == form.write(tmp_path / "whole", [whole, more])
