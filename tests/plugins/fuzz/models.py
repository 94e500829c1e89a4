"""Targets that read numbers: model files, encoded updates, the memory of server functions."""

import contextlib
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np

from fednet.codecs import Base, open_encoded, write_encoded_to
from fednet.codecs._header import MAGIC
from fednet.errors import InvalidModel, TaskFailed
from fednet.parameters import Structure, model_format
from fednet.server_functions._memory import load_memory, save_memory
from fednet.update_codec import codec_names, codec_of

from .target import Target

Frame: TypeAlias = Callable[[bytes], bytes]

BYTES_MAX = 1 << 16
LENGTH = struct.Struct("<Q")
ALIGNMENT_BYTES = 64
# The records of a zip archive.
_LOCAL = struct.Struct("<4s5H3L2H")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
ARRAYS = [np.arange(12, dtype=np.float32).reshape(3, 4), np.arange(5), np.zeros((), np.float16)]
STRUCTURE = Structure.of(ARRAYS)
BASE = Base(STRUCTURE, [array + array.dtype.type(1) for array in ARRAYS], "digest")


@contextlib.contextmanager
def file_with(content: bytes, folder: Path) -> Iterator[Path]:
    """Give a file, and remove it."""
    path = folder / "input"
    path.write_bytes(content)
    try:
        yield path
    finally:
        path.unlink()


def _model(helper: str, name: str, frame: Frame = bytes, unframed: Frame = bytes) -> Target:
    """Return the target of a format of model files; `frame` makes a file of an input, `unframed` an input of a file."""
    form = model_format(helper)

    def feed(content: bytes, folder: Path) -> None:
        with (
            file_with(frame(content), folder) as path,
            form.open(path, expected_bytes=BYTES_MAX) as model,
        ):
            assert sum(array.copy().nbytes for array in model.arrays) == model.structure.nbytes

    def seeds(folder: Path) -> list[bytes]:
        form.write(folder / "seed", ARRAYS)
        files = [(folder / "seed").read_bytes()]
        if frame is bytes and form.suffix == ".npz":
            np.savez_compressed(folder / "named.npz", weights=ARRAYS[0], bias=ARRAYS[1])
            files.append((folder / "named.npz").read_bytes())
        return [unframed(file) for file in files]

    return Target(name, feed, seeds, (InvalidModel,))


# Without these frames damage to a header would mostly stop at the length or the checksum before it.


def _member(content: bytes) -> bytes:
    """Return an archive of one array, which is the input. Written here: atheris makes the library slow."""
    name, size = b"0.npy", len(content)
    described = (0, 0, 0, 0, zlib.crc32(content), size, size, len(name))
    local = _LOCAL.pack(b"PK\x03\x04", 20, *described, 0) + name + content
    entry = _ENTRY.pack(b"PK\x01\x02", 20, 20, *described, 0, 0, 0, 0, 0, 0) + name
    return local + entry + _END.pack(b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(local), 0)


def _first_member(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("0.npy")


def _header_first(content: bytes) -> bytes:
    """Return a file whose header is the first line of the input, and whose numbers are the rest."""
    header, _, numbers = content.partition(b"\n")
    return LENGTH.pack(len(header)) + header + numbers


def _line_first(content: bytes) -> bytes:
    (length,) = LENGTH.unpack_from(content)
    end = LENGTH.size + length
    return content[LENGTH.size : end] + b"\n" + content[end:]


def _encoded_header_first(content: bytes) -> bytes:
    """Return an encoded update whose header is the first line of the input."""
    header, _, blocks = content.partition(b"\n")
    start_bytes = len(MAGIC) + LENGTH.size
    padded = header.ljust(-(start_bytes + len(header)) % ALIGNMENT_BYTES + len(header))
    return MAGIC + LENGTH.pack(len(padded)) + padded + blocks


def _encoded(name: str, frame: Frame = bytes, unframed: Frame = bytes) -> Target:
    """Return a target of encoded updates."""

    def feed(content: bytes, folder: Path) -> None:
        with (
            file_with(frame(content), folder) as path,
            open_encoded(path, BASE, expected_bytes=BYTES_MAX) as update,
            update.decoded(folder) as model,
        ):
            assert sum(array.nbytes for array in model.arrays) == update.structure.nbytes

    return Target(
        name, feed, lambda _: [unframed(each) for each in _encoded_updates()], (InvalidModel,)
    )


def _encoded_updates() -> list[bytes]:
    files = []
    for codec in (name for name in codec_names() if name != "plain"):
        file = io.BytesIO()
        write_encoded_to(file, codec_of(codec), ARRAYS, STRUCTURE, BASE)
        files.append(file.getvalue())
    return files


def _feed_memory(content: bytes, folder: Path) -> None:
    with file_with(content, folder) as path:
        load_memory(path)


def _memory_seeds(folder: Path) -> list[bytes]:
    kept = {
        "numbers": [1, 2.5, 2**70, 1j, None, True, float("inf")],
        "texts": ("a", b"b", {"c"}, {1: "d"}, bytearray(b"e")),
        "arrays": [ARRAYS[0], np.array(["x", "yz"]), np.float32(1.5)],
        "generators": [random.Random(1), np.random.default_rng(1)],
    }
    save_memory(folder / "memory", kept)
    save_memory(folder / "small", {"round": 3, "best": ARRAYS[1]})
    return [(folder / "memory").read_bytes(), (folder / "small").read_bytes()]


TARGETS = [
    _model("numpyhelper", "npz"),
    _model("numpyhelper", "npz-array", _member, _first_member),
    _model("safetensors", "safetensors"),
    _model("safetensors", "safetensors-header", _header_first, _line_first),
    _encoded("update"),
    _encoded("update-header", _encoded_header_first, lambda file: _line_first(file[len(MAGIC) :])),
    Target("memory", _feed_memory, _memory_seeds, (TaskFailed,)),
]
