"""Writing model files."""

import io
import zipfile

import numpy as np
import pytest

from fednet.digests import Algorithm, digest_of
from fednet.errors import InvalidModel, NotFound
from fednet.parameters import _writer, load_parameters, open_model, write_model, write_model_to

ARRAYS = [np.arange(12.0).reshape(3, 4), np.ones(7, np.float32), np.array(True), np.zeros((0, 2))]


def test_returns_the_size_and_digest_of_the_file(tmp_path):
    """What write_model returns is what a reader of the file finds."""
    path = tmp_path / "model.npz"
    digest = write_model(path, ARRAYS)

    content = path.read_bytes()
    assert digest == digest_of(content, Algorithm.BLAKE3)


def test_aligns_the_numbers_of_every_array(tmp_path):
    """Each array's numbers begin at a multiple of 64 bytes, also behind more than ten arrays."""
    path = tmp_path / "model.npz"
    write_model(path, [np.full(n + 1, n, np.int8) for n in range(120)])

    with open_model(path) as model:
        assert {array.ctypes.data % 64 for array in model.arrays} == {0}


def test_writes_equal_bytes_for_equal_arrays(tmp_path):
    """Memory order, byte order and strides leave no trace in the file."""
    array = np.arange(24, dtype="<i4").reshape(4, 6)
    forms = [array, np.asfortranarray(array), array.astype(">i4"), np.repeat(array, 2, 1)[:, ::2]]

    digests = {write_model(tmp_path / "model.npz", [form]) for form in forms}
    assert len(digests) == 1


def test_writes_the_same_bytes_to_a_stream(tmp_path):
    """write_model_to gives the file's bytes, to a stream that only knows how to write."""

    class Stream(io.RawIOBase):
        content = b""

        def writable(self):
            return True

        def write(self, data):
            self.content += bytes(data)
            return len(data)

    stream = Stream()
    write_model_to(stream, ARRAYS)
    write_model(tmp_path / "model.npz", ARRAYS)

    assert stream.content == (tmp_path / "model.npz").read_bytes()


def test_takes_arrays_one_at_a_time(tmp_path):
    """The next array is asked for when the one before has been written."""
    path = tmp_path / "model.npz"
    sizes = []

    def arrays():
        for _ in range(3):
            sizes.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
            yield np.zeros(2**18)

    write_model(path, arrays())
    assert sizes[0] < sizes[1] < sizes[2]


def test_passes_zip_tools(tmp_path):
    """The archive's own check finds every checksum right and nothing compressed."""
    path = tmp_path / "model.npz"
    write_model(path, ARRAYS)

    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_writes_large_members_with_64_bit_sizes(tmp_path, monkeypatch):
    """Members beyond the zip64 border are aligned and read back like any other."""
    monkeypatch.setattr(_writer, "_ZIP64_MEMBER_BYTES_MIN", 0)
    path = tmp_path / "model.npz"
    write_model(path, ARRAYS)

    for found, array in zip(load_parameters(path), ARRAYS, strict=True):
        np.testing.assert_array_equal(found, array, strict=True)
    with open_model(path) as model:
        assert {array.ctypes.data % 64 for array in model.arrays} == {0}
    with np.load(path) as archive:
        np.testing.assert_array_equal(archive["0"], ARRAYS[0])


def test_writes_and_reads_a_64_bit_directory(tmp_path, monkeypatch):
    """Beyond 65,535 arrays, or 4 GiB, the directory is a zip64 one; here it is so from three on."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    path = tmp_path / "model.npz"
    write_model(path, ARRAYS)

    assert b"PK\x06\x07" in path.read_bytes()[-64:]
    with open_model(path) as model:
        assert len(model.arrays) == len(ARRAYS)


@pytest.mark.parametrize("arrays", [[], [np.zeros(2), np.array([None])], [np.zeros(2, complex)]])
def test_refuses_what_no_model_holds_and_leaves_what_was_there(tmp_path, arrays):
    """A refused model leaves the file of before as it was, and no temporary file."""
    path = tmp_path / "model.npz"
    path.write_bytes(b"before")

    with pytest.raises(InvalidModel):
        write_model(path, arrays)

    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_leaves_nothing_when_the_arrays_end_in_an_error(tmp_path):
    """A generator that fails takes the half-written file with it."""

    def arrays():
        yield np.zeros(10)
        raise KeyError

    with pytest.raises(KeyError):
        write_model(tmp_path / "model.npz", arrays())

    assert list(tmp_path.iterdir()) == []


def test_says_that_the_folder_is_missing(tmp_path):
    """A folder that does not exist is NotFound."""
    with pytest.raises(NotFound):
        write_model(tmp_path / "none" / "model.npz", ARRAYS)
