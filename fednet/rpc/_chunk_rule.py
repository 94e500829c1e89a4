"""The rule of the chunks of one file: each chunk costs time, however small it is."""

from __future__ import annotations

from fednet import limits
from fednet.errors import InvalidInput


class ChunkRule:
    """Checks the chunks of one file in their order: none is empty, and only the last one may be small."""

    def __init__(self) -> None:
        self._was_small = False

    def check(self, size_bytes: int) -> None:
        """Check the next chunk.

        Raises:
            InvalidInput: It is empty, or a small chunk came before it.
        """
        if not size_bytes:
            raise InvalidInput("A chunk is empty: send each one with bytes.", field="chunk")
        if self._was_small:
            raise InvalidInput(
                f"A chunk has less than {limits.chunk_bytes_min} bytes and is not the last one: send larger "
                "chunks.",
                field="chunk",
            )
        self._was_small = size_bytes < limits.chunk_bytes_min
