"""The header of an npy array, in NumPy's own form and in others."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib import format as npy

from fednet.errors import InvalidModel
from fednet.parameters._array_header import _by_numpy, _usual, read_array_header

DTYPES = [
    "|b1",
    "|i1",
    "<i2",
    "<i4",
    "<i8",
    "|u1",
    "<u2",
    "<u4",
    "<u8",
    "<f2",
    "<f4",
    "<f8",
    ">f4",
    ">i8",
]


def written(array, version=(1, 0)):
    stream = io.BytesIO()
    npy.write_array(stream, array, version=version)
    return stream.getvalue()


@given(
    shape=st.lists(st.integers(0, 3), max_size=5).map(tuple),
    dtype=st.sampled_from(DTYPES),
    order=st.sampled_from("CF"),
)
def test_the_usual_form_is_read_as_numpy_reads_it(shape, dtype, order):
    """The quick way gives the same as NumPy, for every dtype, shape and order of memory."""
    start = written(np.zeros(shape, dtype, order=order))

    assert _usual(start) == _by_numpy(start)


@pytest.mark.parametrize(
    ("old", "new", "is_valid"),
    [
        (b"'descr': '<f4'", b"'descr':'<f4' ", True),
        (b"False", b"0 == 1", False),
        (b"(4,)", b"(04,)", False),
        (b"(4,)", b"(4) ", False),
        (b"(4,)", b"(-4,)", False),
        (b"<f4", b"<f3", False),
        (b"<f4", b"|O8", False),
        (b"\x93NUMPY\x01", b"\x93NUMPY\x02", False),
        (b"}   ", b"} 1 ", False),
        (b"\x76\x00", b"\x77\x00", False),
    ],
)
def test_other_forms_are_not_read_the_quick_way(old, new, is_valid):
    """NumPy decides about them; so no file is accepted that NumPy would refuse."""
    start = written(np.zeros(4, np.float32))
    assert old in start
    changed = start.replace(old, new, 1)

    if is_valid:
        assert read_array_header(changed, "0").spec.shape == (4,)
    else:
        with pytest.raises(InvalidModel):
            read_array_header(changed, "0")


def test_headers_of_version_2_are_read():
    """NumPy writes them for long headers."""
    assert read_array_header(written(np.zeros((2, 3)), (2, 0)), "0").spec.shape == (2, 3)
