"""The names of codecs for updates."""

import pytest

from fednet.errors import InvalidInput
from fednet.update_codec import CODEC_PARTS, UpdateCodec, codec_names, codec_of


def test_each_name_leads_to_its_codec_and_back() -> None:
    """A codec's name says everything about it."""
    assert [str(codec_of(name)) for name in codec_names()] == codec_names()
    assert codec_of("delta+int8+zstd") == UpdateCodec("int8", delta=True, zstd=True)
    assert codec_of("plain") == UpdateCodec()


def test_a_codec_names_the_parts_that_both_sides_must_know() -> None:
    """The plain codec needs nothing, so that it serves for every client."""
    assert codec_of("plain").parts == set()
    assert codec_of("delta+bf16+zstd").parts == {"delta", "bf16", "zstd"}
    assert set.union(*(set(codec_of(name).parts) for name in codec_names())) == set(CODEC_PARTS)


@pytest.mark.parametrize(
    "name", ["", "int8+delta", "zstd+int8", "bf16+int8", "delta+plain", "gzip", "INT8", "int8+int8", "int8 "]
)  # fmt: skip
def test_no_other_name_is_a_codec(name: str) -> None:
    """The parts have one order, and the error lists all names."""
    with pytest.raises(InvalidInput, match=r"delta\+int8\+zstd") as refused:
        codec_of(name)

    assert refused.value.field == "update_codec"
