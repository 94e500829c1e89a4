"""Encoded updates of version 1, as they were recorded: they decode for ever.

`python tests/codecs/test_recorded.py` writes files for codecs that have none yet.
"""

from pathlib import Path

import numpy as np
import pytest

from fednet.codecs import Base, open_encoded, write_encoded_to
from fednet.parameters import Structure
from fednet.update_codec import codec_names, codec_of

RECORDED = Path(__file__).with_name("recorded")
CODECS = [name for name in codec_names() if name != "plain"]
BEFORE = [np.linspace(-1, 1, 1_200, dtype=np.float32).reshape(30, 40), np.arange(3), np.ones(2)]
TRAINED = [BEFORE[0] * np.float32(1.125), BEFORE[1] + 1, BEFORE[2] / 3]
BASE = Base(Structure.of(BEFORE), BEFORE, "the digest")


def file_of(codec: str) -> Path:
    """The recorded file of a codec."""
    return RECORDED / f"version-1-{codec}.update"


@pytest.mark.parametrize("codec", CODECS)
def test_a_recorded_update_still_decodes(codec: str) -> None:
    """An agent of an older version may send it to a newer combiner."""
    with open_encoded(file_of(codec), BASE) as update:
        found = [np.concatenate([*update.blocks(place)]) for place in range(3)]

    for array, expected in zip(found, TRAINED, strict=True):
        np.testing.assert_allclose(array, expected.reshape(-1), atol=1.125 / 253)
        assert array.dtype == expected.dtype


@pytest.mark.parametrize("codec", [name for name in CODECS if "zstd" not in name])
def test_this_version_writes_the_recorded_bytes(codec: str, tmp_path: Path) -> None:
    """Another form of the file needs another version in its header; compressed bytes depend on the library."""
    write(tmp_path / "update", codec)

    assert (tmp_path / "update").read_bytes() == file_of(codec).read_bytes()


def write(path: Path, codec: str) -> None:
    """Write the update with a codec."""
    with path.open("wb") as file:
        write_encoded_to(file, codec_of(codec), TRAINED, Structure.of(TRAINED), BASE)


if __name__ == "__main__":
    for each in CODECS:
        if not file_of(each).exists():
            write(file_of(each), each)
