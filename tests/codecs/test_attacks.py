"""Hostile encoded updates: each is refused, in bounded time and memory, by an error that says why."""

import io
import json
import struct
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.codecs import Base, open_encoded, write_encoded_to
from fednet.errors import InvalidModel, NotFound
from fednet.parameters import Structure, check_finite
from fednet.update_codec import codec_names, codec_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RANDOM = np.random.default_rng(0)
BEFORE = [RANDOM.normal(0, 1, (60, 50)).astype(np.float32), np.arange(9)]
ARRAYS = [BEFORE[0] + RANDOM.normal(0, 0.1, (60, 50)).astype(np.float32), np.arange(9) + 1]
BASE = Base(Structure.of(BEFORE), BEFORE, "the digest")
CODECS = pytest.mark.parametrize("name", [name for name in codec_names() if name != "plain"])
PREFIX_BYTES = 16


def encoded(name: str) -> bytes:
    """A valid update."""
    file = io.BytesIO()
    write_encoded_to(file, codec_of(name), ARRAYS, Structure.of(ARRAYS), BASE)
    return file.getvalue()


def parts_of(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the blocks of an update."""
    (length,) = struct.unpack("<Q", content[8:PREFIX_BYTES])
    end = PREFIX_BYTES + length
    return json.loads(content[PREFIX_BYTES:end]), content[end:]


def with_header(content: bytes, text: str) -> bytes:
    """The update with another header."""
    _, blocks = parts_of(content)
    header = text.encode()
    header = header.ljust(-(-(PREFIX_BYTES + len(header)) // 64) * 64 - PREFIX_BYTES)
    return content[:8] + struct.pack("<Q", len(header)) + header + blocks


def changed(name: str, change: Callable[[dict[str, Any]], object]) -> bytes:
    """An update whose header was changed."""
    content = encoded(name)
    header, _ = parts_of(content)
    change(header)
    return with_header(content, json.dumps(header))


def read(folder: Path, content: bytes, **options: Any) -> list[np.ndarray[Any, Any]]:
    """All blocks of an update, decoded and checked as a combiner does."""
    path = folder / "update"
    path.write_bytes(content)
    with open_encoded(path, BASE, **options) as update:
        blocks = [list(update.blocks(place)) for place in range(len(update.structure.arrays))]
    arrays = [np.concatenate(each) if each else np.zeros(0) for each in blocks]
    check_finite(arrays)
    return arrays


def refuse(folder: Path, content: bytes, reason: str, **options: Any) -> None:
    with pytest.raises(InvalidModel, match=reason):
        read(folder, content, **options)


@CODECS
def test_an_update_that_is_cut_off_anywhere_is_refused(tmp_path: Path, name: str) -> None:
    """Each byte of the file is needed."""
    content = encoded(name)
    for end in {*range(80), *range(80, len(content), 997), len(content) - 1}:
        refuse(tmp_path, content[:end], "cut off|claims|take|JSON")


@CODECS
def test_bytes_after_the_last_block_are_refused(tmp_path: Path, name: str) -> None:
    """Each byte of the file belongs to a block."""
    refuse(tmp_path, encoded(name) + b"\0", "take")


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    """The error is ours."""
    with pytest.raises(NotFound):
        open_encoded(tmp_path / "none", BASE)


@pytest.mark.parametrize("length", [0, 1, 63, 2**40, 2**64 - 1])
def test_a_header_of_an_impossible_length_is_refused(tmp_path: Path, length: int) -> None:
    """Nothing of that size is read."""
    content = encoded("int8")
    refuse(tmp_path, content[:8] + struct.pack("<Q", length) + content[16:], "claims|JSON|values")


def test_a_header_larger_than_its_model_needs_is_not_read(tmp_path: Path) -> None:
    """Its JSON could take fifty times its size in memory, and the update of a large model may be large."""
    text = json.dumps({"version": 1, "arrays": [[]] * 1_000_000})
    content = with_header(encoded("int8"), text)

    tracemalloc.start()
    refuse(tmp_path, content, "does not need")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < len(content) / 2


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "7", "{", '{"a":1}', "[" * 100_000, "\xff", '{"version":1,"version":1}'],
)
def test_a_header_that_is_no_header_is_refused(tmp_path: Path, text: str) -> None:
    """JSON of another form, or none."""
    refuse(tmp_path, with_header(encoded("int8"), text), "header")


HEADERS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a later version": (lambda header: header.update(version=2), "version 2"),
    "a version that is a truth value": (lambda header: header.update(version=True), "version True"),
    "no version": (lambda header: header.pop("version"), "values"),
    "one more value": (lambda header: header.update(extra=1), "values"),
    "zstd as a number": (lambda header: header.update(zstd=0), "values"),
    "a base without a delta": (lambda header: header.update(base="the digest"), "without a delta"),
    "a base of another type": (lambda header: header.update(base=None), "values"),
    "a long base": (lambda header: header.update(base="x" * 1000), "1000"),
    "no arrays": (lambda header: header.update(arrays=[]), "0 arrays"),
    "arrays of another type": (lambda header: header.update(arrays={}), "values"),
    "an array that is none": (lambda header: header.update(arrays=[7]), "values"),
    "two arrays of one name": (lambda header: header["arrays"][1].update(name="0"), "one name"),
    "a long name": (lambda header: header["arrays"][0].update(name="x" * 1000), "1000"),
    "a name of another type": (lambda header: header["arrays"][0].update(name=0), "values"),
    "objects": (lambda header: header["arrays"][0].update(dtype="object"), "object"),
    "complex numbers": (lambda header: header["arrays"][0].update(dtype="complex64"), "complex64"),
    "a negative length": (lambda header: header["arrays"][0].update(shape=[-60, -50]), "shape"),
    "a length that is true": (lambda header: header["arrays"][0].update(shape=[True]), "values"),
    "a fraction": (lambda header: header["arrays"][0].update(shape=[1.5]), "values"),
    "a huge shape": (lambda header: header["arrays"][0].update(shape=[2**62, 2**62]), "shape"),
    "many dimensions": (lambda header: header["arrays"][0].update(shape=[1] * 99), "dimensions"),
    "a larger shape": (lambda header: header["arrays"][0].update(shape=[60, 51]), "cut off|claims"),
    "a smaller shape": (lambda header: header["arrays"][0].update(shape=[60, 49]), "take"),
    "an unknown coding": (lambda header: header["arrays"][0].update(numbers="int4"), "int4"),
    "bf16 of integers": (lambda header: header["arrays"][1].update(numbers="bf16"), "bf16"),
    "a delta of another type": (lambda header: header["arrays"][0].update(delta=1), "values"),
    "a delta without a base": (lambda header: header["arrays"][0].update(delta=True), "delta"),
    "one more value of an array": (lambda header: header["arrays"][0].update(x=1), "values"),
    "one value less": (lambda header: header["arrays"][0].pop("delta"), "values"),
}  # fmt: skip


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_with_a_wrong_value_is_refused(tmp_path: Path, what: str) -> None:
    """The form of a header is closed: nothing is added, missing or of another type."""
    change, reason = HEADERS[what]

    refuse(tmp_path, changed("int8", change), reason)


def test_an_update_against_another_base_is_refused(tmp_path: Path) -> None:
    """Added to the wrong model, its differences would make noise."""
    content = changed("delta+int8", lambda header: header.update(base="another"))

    refuse(tmp_path, content, "'another'.*'the digest'")


def test_an_exact_delta_from_another_dtype_is_refused(tmp_path: Path) -> None:
    """The bits of float32 and int32 have one width, but not one meaning."""
    content = changed("delta", lambda header: header["arrays"][0].update(dtype="int32"))

    refuse(tmp_path, content, "float32.*without delta")


def test_a_structure_other_than_that_of_the_base_is_refused(tmp_path: Path) -> None:
    """Before a block is decoded against it."""
    content = changed("delta+bf16", lambda header: header["arrays"][0].update(shape=[50, 60]))

    refuse(tmp_path, content, "shape")


def test_more_numbers_than_expected_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    """As for model files; the combiner passes the size of the global model."""
    refuse(tmp_path, encoded("int8"), "at most 100 are expected", expected_bytes=100)


def update_of_frames(*frames: bytes) -> bytes:
    """An update of one array of 32,768 zeros, with these bytes in place of its block."""
    file = io.BytesIO()
    zeros = [np.zeros(32_768, np.float32)]
    structure = Structure.of(zeros)
    write_encoded_to(file, codec_of("zstd"), zeros, structure, Base(structure, zeros, ""))
    content = file.getvalue()
    _, blocks = parts_of(content)
    packed = b"".join(frames)
    return content[: -len(blocks)] + struct.pack("<I", len(packed)) + packed


ZEROS = bytes(131_072)
FRAMES = {
    "no frame": b"nothing of zstd",
    "a frame of fewer bytes": zstd.compress(ZEROS[1:]),
    "a frame of more bytes": zstd.compress(ZEROS + b"\0"),
    "a bomb": zstd.compress(bytes(1 << 26)),
    "two frames": zstd.compress(ZEROS[:65_536]) * 2,
    "a frame and a byte": zstd.compress(ZEROS) + b"\0",
    "a frame that is cut off": zstd.compress(ZEROS)[:-1],
    "a skippable frame": b"\x50\x2a\x4d\x18\x04\0\0\0abcd",
    "a frame without a block": b"\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00",
    "a window of 2 GB": b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00",
}


@pytest.mark.parametrize("what", FRAMES)
def test_a_block_that_is_not_one_frame_of_its_size_is_refused(tmp_path: Path, what: str) -> None:
    """The size follows from the header, not from the frame: nothing larger is allocated."""
    content = update_of_frames(FRAMES[what])
    tracemalloc.start()
    try:
        refuse(tmp_path, content, "block")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 1_000_000


def test_the_frame_of_the_right_size_is_accepted(tmp_path: Path) -> None:
    """So the refusals above are those of the frames."""
    assert not read(tmp_path, update_of_frames(zstd.compress(ZEROS)))[0].any()


@pytest.mark.parametrize("length", [0, 131_073, 2**32 - 1])
def test_a_block_of_an_impossible_length_is_refused(tmp_path: Path, length: int) -> None:
    """A block has a byte at least, and at most its bare size."""
    content = update_of_frames(b"")

    refuse(tmp_path, content[:-4] + struct.pack("<I", length), "claims")


@pytest.mark.parametrize("scale", [np.nan, np.inf, -np.inf, 3e38])
def test_a_forged_scale_gives_numbers_that_the_check_refuses(tmp_path: Path, scale: float) -> None:
    """No number that is not finite reaches a partial."""
    content = encoded("int8")
    start = len(content) - len(parts_of(content)[1])

    refuse(tmp_path, content[:start] + struct.pack("<f", scale) + content[start + 4 :], "NaN")


@pytest.mark.parametrize("bits", [0x7F80, 0xFF80, 0x7F81, 0x7FC0, 0xFFFF])
@pytest.mark.parametrize("name", ["bf16", "delta+bf16"])
def test_forged_bits_give_numbers_that_the_check_refuses(
    tmp_path: Path, name: str, bits: int
) -> None:
    """Bfloat16 has NaN and infinities, too."""
    content = encoded(name)
    start = len(content) - len(parts_of(content)[1])

    refuse(tmp_path, content[:start] + struct.pack("<H", bits) + content[start + 2 :], "NaN")


def test_a_signalling_nan_of_a_float64_model_is_refused_without_a_warning(tmp_path: Path) -> None:
    """Its conversion to float64 is what the processor reports as invalid."""
    base = Base(Structure.of([np.zeros(2)]), [np.zeros(2)], "0" * 64)
    file = io.BytesIO()
    write_encoded_to(file, codec_of("bf16"), [np.ones(2)], base.structure, base)
    content = file.getvalue()
    (tmp_path / "update").write_bytes(content[:-4] + struct.pack("<HH", 0x7F81, 0))

    with (
        open_encoded(tmp_path / "update", base) as update,
        pytest.raises(InvalidModel, match="NaN"),
    ):
        check_finite([np.concatenate(list(update.blocks(0)))])


@CODECS
@given(data=st.data())
def test_any_damage_gives_numbers_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """Nothing else is ever raised, whichever bytes are changed."""
    content = bytearray(encoded(name))
    head = len(content) - len(parts_of(bytes(content))[1])
    for _ in range(data.draw(st.integers(1, 3))):
        end = data.draw(st.sampled_from((head, len(content))))
        content[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    with suppress(InvalidModel):
        arrays = read(tmp_path_factory.mktemp("damaged"), bytes(content))
        assert sum(array.size for array in arrays) == sum(array.size for array in ARRAYS)
