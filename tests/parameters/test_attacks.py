"""Hostile model files: each is refused, in bounded time and memory, by an error that names it."""

import io
import pickle
import struct
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib import format as npy

from fednet import limits
from fednet.errors import InvalidModel
from fednet.parameters import open_model, write_model

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


def npy_bytes(array):
    """One array as an npy file."""
    member = io.BytesIO()
    npy.write_array(member, array)
    return member.getvalue()


def npy_header(text, version=1, length=None):
    """The head of an npy file with any text in it."""
    layout = "<H" if version == 1 else "<I"
    size = struct.pack(layout, len(text) if length is None else length)
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode("latin1")


def header_of(shape, descr="<f4"):
    return npy_header(f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n")


def archive_bytes(*members, compression=STORED):
    """A zip archive of (name, content) pairs."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of duplicate names
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def patched(content, marker, offset, layout, *values):
    """The archive with other values at an offset behind the first marker."""
    changed = bytearray(content)
    struct.pack_into(layout, changed, content.index(marker) + offset, *values)
    return bytes(changed)


GOOD = npy_bytes(np.arange(100, dtype=np.float32))
MODEL = archive_bytes(("0.npy", GOOD), ("1.npy", GOOD))
DEFLATED_MODEL = archive_bytes(("0.npy", GOOD), ("1.npy", GOOD), compression=DEFLATED)
DIRECTORY, END = b"PK\x01\x02", b"PK\x05\x06"


@pytest.fixture
def refusal(tmp_path):
    """Open hostile bytes; gives the message of the refusal."""

    def refused(content, **options):
        path = tmp_path / "hostile.npz"
        path.write_bytes(content)
        with pytest.raises(InvalidModel) as caught:
            open_model(path, **options)
        assert list(tmp_path.iterdir()) == [path]
        assert "hostile" not in caught.value.message  # whoever sent it never saw our file
        return caught.value.message

    return refused


@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"PK", pickle.dumps([1]), GOOD, b"x" * 10_000, b"PK\x03\x04" + bytes(100)],
)
def test_refuses_what_is_no_archive(refusal, content):
    """Nothing, a word, a pickle, a lone array, noise and half a header are no model."""
    assert "not an npz archive" in refusal(content)


@pytest.mark.parametrize("model", [MODEL, DEFLATED_MODEL])
def test_refuses_every_truncation(refusal, model):
    """A model that was cut off anywhere is refused."""
    for length in range(0, len(model), 7):
        refusal(model[:length])


@pytest.mark.parametrize("content", [b"junk" + MODEL, MODEL + b"junk", MODEL + MODEL])
def test_refuses_what_is_glued_to_an_archive(refusal, content):
    """Nothing may stand before or behind the archive."""
    refusal(content)


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        (["1"], "1.npy"),
        (["0", "2"], "2.npy"),
        (["0", "01"], "01.npy"),
        (["0", "-1"], "-1.npy"),
        (["0", "\u0661"], "\u0661.npy"),
        (["0", "../1"], "../1.npy"),
        (["0", "weights"], "weights.npy"),
        (["a//b"], "a//b.npy"),
        (["/a"], "/a.npy"),
        (["a\x07"], "a\x07.npy"),
    ],
)
def test_refuses_numbers_with_a_gap_and_names_that_lead_elsewhere(refusal, keys, named):
    """Keys that are numbers are 0 to n-1 and nothing else; the refusal names the one that is not."""
    assert repr(named) in refusal(archive_bytes(*[(f"{key}.npy", GOOD) for key in keys]))


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"weight": 1}, protocol=2),
        archive_bytes(("archive/data.pkl", pickle.dumps([1])), ("archive/data/0", b"1234")),
        archive_bytes(("model/data.pkl", b""), ("model/version", b"3"), ("model/data/0", b"")),
    ],
)
def test_refuses_what_torch_saves_with_the_lines_that_convert_it(refusal, content):
    """Both of its forms: a zip archive around a pickle, and the bare pickle of earlier versions."""
    message = refusal(content)

    assert "torch.save" in message
    assert [line.split("(")[0].strip() for line in message.splitlines()[1:]] == [
        "state = torch.load",
        "arrays = {name: tensor.numpy",
        "numpy.savez",
    ]


def test_refuses_a_member_without_its_ending(refusal):
    """A member is an npy file and says so."""
    assert "'0'" in refusal(archive_bytes(("0", GOOD)))


def test_refuses_a_key_that_is_there_twice(refusal):
    """Which of two arrays is meant is not guessed."""
    content = archive_bytes(("0.npy", GOOD), ("0.npy", GOOD))

    assert "'0.npy' twice" in refusal(content)


def test_refuses_an_archive_without_arrays(refusal):
    """A model has at least one array."""
    assert "0 members" in refusal(archive_bytes())


@pytest.mark.parametrize("flag", [0x1, 0x20, 0x40])
def test_refuses_encrypted_members(refusal, flag):
    """Encryption and patches are refused before anything is read."""
    assert "'0.npy' is encrypted" in refusal(patched(MODEL, DIRECTORY, 8, "<H", flag))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_other_compressions(refusal, method):
    """Only stored and deflated members are read."""
    assert f"method {method}" in refusal(archive_bytes(("0.npy", GOOD), compression=method))


@pytest.mark.parametrize("count", [0, 1, 3, 65534])
def test_refuses_a_count_that_lies(refusal, count):
    """The count at the end of the archive is that of its members."""
    refusal(patched(MODEL, END, 8, "<2H", count, count))


def long_end(count, length, offset, magic=b"PK\x06\x06", located=0):
    """The end of a large archive: the 64-bit record, its locator, and the short record."""
    return (
        struct.pack("<4sQ2H2L4Q", magic, 44, 45, 45, 0, 0, count, count, length, offset)
        + struct.pack("<4sLQL", b"PK\x06\x07", 0, located, 1)
        + struct.pack("<4s4H2LH", END, 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    )


def test_refuses_more_members_than_a_model_has_before_reading_them(refusal):
    """The claim of too many members is refused whatever the directory is."""
    assert f"has {2**40} members" in refusal(long_end(2**40, 0, 0))


@pytest.mark.parametrize(
    "end",
    [
        long_end(1, 0, 0, magic=b"junk"),
        long_end(1, 0, 0, located=1),
        long_end(1, 2**63, 2**63),
        long_end(1, 0, 0)[4:],
    ],
)
def test_refuses_a_64_bit_directory_that_is_not_where_it_says(refusal, end):
    """The bounds are read from the very record that zipfile will use."""
    refusal(end)


def test_refuses_a_directory_larger_than_its_count_explains(refusal):
    """A directory of sixty thousand bytes for one member is not even read."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("0.npy")
        info.comment = b"c" * 60_000
        archive.writestr(info, GOOD)

    assert "in a directory of" in refusal(file.getvalue())


@pytest.mark.parametrize("offset", [2**31, 2**32 - 2, 5, 1])
def test_refuses_members_that_are_not_where_they_should_be(refusal, offset):
    """An entry that points behind the file, or into another member, is refused."""
    refusal(patched(MODEL, DIRECTORY, 42, "<L", offset))


def test_refuses_members_that_share_bytes(refusal):
    """Two entries for one member's bytes are refused: so a small file cannot hold a large model."""
    second = MODEL.index(DIRECTORY, MODEL.index(DIRECTORY) + 4)
    content = bytearray(MODEL)
    struct.pack_into("<L", content, second + 42, 0)

    refusal(bytes(content))


def test_refuses_a_member_that_reaches_into_the_next(refusal):
    """A stored member whose sizes run over its neighbour is refused."""
    size = len(GOOD) + 50

    message = refusal(patched(MODEL, DIRECTORY, 20, "<2L", size, size))
    assert "'0.npy' overlaps" in message


def test_refuses_a_stored_member_with_two_sizes(refusal):
    """What is stored is as long in the file as outside of it."""
    assert "two sizes" in refusal(patched(MODEL, DIRECTORY, 24, "<L", 10**6))


@pytest.mark.parametrize("size", [len(GOOD) - 1, len(GOOD) + 1, 2**31])
def test_refuses_a_deflated_member_that_lies_about_its_size(refusal, size):
    """The size in the directory is that of the array."""
    assert "'0" in refusal(patched(DEFLATED_MODEL, DIRECTORY, 24, "<L", size))


def test_refuses_deflated_bytes_that_are_damaged(refusal):
    """Damage in a compressed member is noticed while it is inflated."""
    content = bytearray(DEFLATED_MODEL)
    content[150] ^= 0xFF

    refusal(bytes(content))


def test_refuses_a_deflated_array_that_ends_early(refusal):
    """A member may not inflate to less than its header and its size say."""
    content = archive_bytes(("0.npy", header_of((50,)) + bytes(100)), compression=DEFLATED)
    size = len(header_of((50,))) + 200

    refusal(patched(content, DIRECTORY, 24, "<L", size))


@pytest.mark.parametrize("expected_bytes", [None, 400])
def test_refuses_bombs_before_they_are_inflated(refusal, expected_bytes):
    """An archive that would inflate to far more than it may is refused without being inflated."""
    bomb = header_of((2**26,)) + bytes(2**20)
    content = archive_bytes(("0.npy", bomb), compression=DEFLATED)
    content = patched(content, DIRECTORY, 24, "<L", len(header_of((2**26,))) + 2**28)

    tracemalloc.start()
    refusal(content, expected_bytes=expected_bytes)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < 8 * limits.MIB


def test_refuses_more_than_a_model_may_hold_whatever_it_is_packed_into(refusal):
    """The bound is on what comes out, not on the ratio."""
    shape = (limits.model_bytes_max // 4 + 1,)

    assert "'0' has shape" in refusal(archive_bytes(("0.npy", header_of(shape))))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"no array",
        b"\x93NUMPY",
        b"\x93NUMPY\x03\x00\x10\x00\x00\x00",
        b"\x93NUMPY\xff\xff\x10\x00",
        npy_header("{}"),
        npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (100,)}", length=65535),
        npy_header(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (100,)}", 2, length=2**32 - 1
        ),
        npy_header("{'descr': '<f4', 'fortran_order': 1, 'shape': (100,)}"),
        npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': 100}"),
        npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1e2,)}"),
        npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': (100,), 'more': 1}"),
        npy_header("{'descr': (), 'fortran_order': False, 'shape': (100,)}"),
        npy_header("{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os')}"),
        npy_header("(" * 9000),
        npy_header("-" * 9000 + "1"),
        npy_header("[" * 80 + "]" * 80),
        npy_header("\x00\xff" * 500),
        npy_header(" " * (limits.array_header_bytes_max + 1)),
    ],
)
@pytest.mark.parametrize("compression", [STORED, DEFLATED])
def test_refuses_headers_that_are_none(refusal, header, compression):
    """What is not a plain npy header is refused, however it is written."""
    assert "'0'" in refusal(archive_bytes(("0.npy", header + bytes(400)), compression=compression))


def test_refuses_a_header_that_inflates_without_end(refusal):
    """A header that claims four gigabytes is read to its bound and no further."""
    content = archive_bytes(
        ("0.npy", npy_header(" " * 2**24, 2, length=2**32 - 1)), compression=DEFLATED
    )

    tracemalloc.start()
    refusal(content)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < limits.MIB


@pytest.mark.parametrize("shape", [(-1,), (-10, -10), (2**70,), (0, 2**70), (99,), (101,), ()])
def test_refuses_shapes_that_do_not_fit_the_data(refusal, shape):
    """The shape and the bytes that follow it must agree."""
    assert "'0'" in refusal(archive_bytes(("0.npy", header_of(shape) + bytes(400))))


def test_refuses_too_many_dimensions(refusal):
    """A shape of more than limits.array_dimensions_max lengths is refused."""
    shape = (1,) * (limits.array_dimensions_max + 1)

    assert "dimensions" in refusal(archive_bytes(("0.npy", header_of(shape) + bytes(4))))


@pytest.mark.parametrize(
    "descr", ["|O", "<U1", "|S4", "<c8", "<M8[s]", "<m8[s]", "|V4", [("a", "<f4")], ("<f4", (1,))]
)
def test_refuses_dtypes_that_are_no_numbers(refusal, descr):
    """Objects, texts, complex numbers, dates and structures are refused by name."""
    assert "'0'" in refusal(archive_bytes(("0.npy", header_of((100,), descr) + bytes(400))))


def test_never_unpickles(refusal, tmp_path):
    """An array of objects is a pickle: it is refused, and nothing in it runs."""

    class Trap:
        def __reduce__(self):
            return open, (str(tmp_path / "sprung"), "w")

    refusal(archive_bytes(("0.npy", npy_bytes(np.array([Trap()])))))
    assert not (tmp_path / "sprung").exists()


def test_finds_a_repeated_key_among_very_many_at_once(refusal):
    """Looking for keys that are there twice takes no longer for being many."""
    count = 5_000
    names = [f"{position}.npy" for position in range(count - 1)]
    content = archive_bytes(*[(name, b"") for name in [*names, names[-1]]])

    assert f"'{count - 2}.npy' twice" in refusal(content)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "fuzzed.npz"


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("model", [MODEL, DEFLATED_MODEL])
@given(data=st.data())
def test_any_damage_is_refused_or_harmless(fuzzed, model, data):
    """Whatever bytes are changed: InvalidModel, or arrays of the size that their structure says."""
    content = bytearray(model)
    places = st.integers(0, len(content) - 1) | st.integers(len(content) - 160, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    fuzzed.write_bytes(content)

    try:
        with open_model(fuzzed, expected_bytes=10_000) as opened:
            total_bytes = sum(array.copy().nbytes for array in opened.arrays)
    except InvalidModel:
        return

    assert total_bytes == opened.structure.nbytes


@pytest.mark.parametrize("model", [MODEL, DEFLATED_MODEL])
def test_the_archives_that_are_attacked_are_good_themselves(tmp_path, model):
    """The tests above refuse for the reason that they give: unchanged, both archives open."""
    path = tmp_path / "good.npz"
    path.write_bytes(model)

    with open_model(path) as opened:
        assert opened.structure.size == 200
    write_model(path, [np.zeros(1)])
