"""The names of codecs for updates, such as `delta+int8+zstd`; `fednet.codecs` does the work."""

from __future__ import annotations

import itertools
import reprlib
from dataclasses import dataclass
from typing import Final

from fednet.errors import InvalidInput

PLAIN: Final = "plain"
NUMBER_CODINGS: Final = (PLAIN, "bf16", "int8")
"""The ways to write numbers."""

CODEC_PARTS: Final = ("delta", "bf16", "int8", "zstd")
"""The parts of codecs that this version can encode and decode, in the order of a codec's name."""


@dataclass(frozen=True)
class UpdateCodec:
    """A codec for updates: the way in which an update's numbers travel.

    Args:
        numbers: One of NUMBER_CODINGS.
        delta: True if the numbers travel as their difference from the global model.
        zstd: True if the bytes are compressed.
    """

    numbers: str = PLAIN
    delta: bool = False
    zstd: bool = False

    @property
    def parts(self) -> frozenset[str]:
        """The parts that both sides must know; none for the plain codec."""
        return frozenset(self._names())

    def __str__(self) -> str:
        return "+".join(self._names()) or PLAIN

    def _names(self) -> list[str]:
        numbers = "" if self.numbers == PLAIN else self.numbers
        names = ("delta" if self.delta else "", numbers, "zstd" if self.zstd else "")
        return [name for name in names if name]


def codec_names() -> list[str]:
    """Return the names of all codecs."""
    return list(_BY_NAME)


def codec_of(name: str) -> UpdateCodec:
    """Return the codec with a name.

    Raises:
        InvalidInput: No codec has this name; the field is `update_codec`.
    """
    if name not in _BY_NAME:
        raise InvalidInput(
            f"Unknown codec {reprlib.repr(name)}: use one of {', '.join(codec_names())}.",
            field="update_codec",
        )
    return _BY_NAME[name]


PLAIN_CODEC: Final = UpdateCodec()
"""The codec that every client knows: updates travel as they are."""

_BY_NAME: Final = {
    str(codec): codec
    for codec in (
        UpdateCodec(numbers, delta, zstd)
        for delta, zstd, numbers in itertools.product((False, True), (False, True), NUMBER_CODINGS)
    )
}
