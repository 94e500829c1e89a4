"""The parser of one connection, with a bound on the chunks of a body: each costs time, however small it is."""

from __future__ import annotations

from typing import Any

import h11

from fednet import limits


class CountedChunks(h11.Connection):
    """A parser that refuses a body of many tiny chunks."""

    _chunks = 0
    _body_bytes = 0

    def next_event(self) -> Any:
        """Return the next event; see `h11.Connection.next_event`.

        Raises:
            h11.RemoteProtocolError: The request is invalid, or its chunks are too small.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._body_bytes = 0
        elif isinstance(event, h11.Data):
            self._count(event)
        return event

    def _count(self, data: h11.Data) -> None:
        self._body_bytes += len(data.data)
        self._chunks += data.chunk_end
        allowed = limits.rest_small_chunks_max + self._body_bytes // limits.rest_chunk_bytes_min
        if self._chunks > allowed:
            raise h11.RemoteProtocolError("The chunks of the body are too small.")
