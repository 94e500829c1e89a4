"""The parts of bincode 1.3 that Xaynet uses: little-endian, fixed widths, lengths of 64 bits."""

from __future__ import annotations

import struct
from typing import Final

from fednet.errors import InvalidInput

LENGTH: Final = struct.Struct("<Q")
FLOAT: Final = struct.Struct("<d")
VARIANT: Final = struct.Struct("<I")


def sized(data: bytes) -> bytes:
    """Return bytes behind their length."""
    return LENGTH.pack(len(data)) + data


class Reader:
    """Reads a document from its beginning.

    Args:
        data: The document.
        name: Its name, for errors.
    """

    def __init__(self, data: bytes | memoryview, name: str) -> None:
        self._rest = memoryview(data)
        self._name = name

    def integer(self) -> int:
        """Return a number of 64 bits.

        Raises:
            InvalidInput: The document ends before it; this holds for each method.
        """
        return int(self._unpacked(LENGTH))

    def number(self) -> float:
        """Return a float64."""
        return float(self._unpacked(FLOAT))

    def variants(self, count: int) -> list[int]:
        """Return the places of members in their enumerations."""
        return [int(self._unpacked(VARIANT)) for _ in range(count)]

    def sized(self, expected_bytes: int) -> bytes:
        """Return bytes behind their length.

        Raises:
            InvalidInput: The length is another one.
        """
        if self.integer() != expected_bytes:
            raise self.error(f"a field has not {expected_bytes} bytes")
        return bytes(self.take(expected_bytes))

    def entries(self, entry_bytes: int) -> int:
        """Return the number of entries that follow, up to the end of the document.

        Raises:
            InvalidInput: As many entries of this size do not end where the document ends.
        """
        count = self.integer()
        if count * entry_bytes != len(self._rest):
            raise self.error(f"{count} entries do not end where it ends")
        return count

    def check_rest(self, least_bytes: int) -> None:
        """Check that so many bytes follow at least.

        Raises:
            InvalidInput: There are fewer.
        """
        if least_bytes > len(self._rest):
            raise self.error("it ends too early")

    def take(self, count: int) -> memoryview:
        """Return the next bytes."""
        self.check_rest(count)
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def end(self) -> None:
        """Check that nothing is left.

        Raises:
            InvalidInput: Something is.
        """
        if self._rest:
            raise self.error(f"{len(self._rest)} bytes follow its end")

    def error(self, reason: str) -> InvalidInput:
        """Return an error about the document."""
        return InvalidInput(f"Invalid {self._name}: {reason}.", field=self._name)

    def _unpacked(self, form: struct.Struct) -> int | float:
        value: int | float = form.unpack(self.take(form.size))[0]
        return value
