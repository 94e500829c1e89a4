"""A request's body on its way from the event loop to a thread: the faster side waits for the slower one."""

from __future__ import annotations

import asyncio
import io
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from fednet import limits


class Broken(Exception):
    """The other end is gone."""


class Pipe:
    """A queue of pieces of bytes, from the loop to one thread.

    Args:
        loop: The event loop.
        bytes_max: The largest number of bytes in the pipe, unless a single piece is larger.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, bytes_max: int) -> None:
        self._loop = loop
        self._bytes_max = bytes_max
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._is_complete = False
        self._is_broken = False
        self._changed = threading.Condition()
        self._stirred = asyncio.Event()

    # On the thread

    def take(self) -> bytes:
        """Return the next piece; block until there is one. Empty at the end.

        Raises:
            Broken: The writer is gone.
        """
        with self._changed:
            self._changed.wait_for(self._has_piece_or_end)
            if self._is_broken:
                raise Broken
            piece = self._remove() if self._pieces else b""
        self._stir()
        return piece

    # On the loop

    async def put(self, piece: bytes) -> None:
        """Add a piece; wait while there is no room. Drop it if the reader is gone."""
        while not self._try(self._has_room_or_end):
            await self._stirred.wait()
        with self._changed:
            if not self._is_broken:
                self._add(piece)
            self._changed.notify_all()

    def finish(self) -> None:
        """Mark the end of the pieces; does not block."""
        with self._changed:
            self._is_complete = True
            self._changed.notify_all()

    # On either

    def break_off(self) -> None:
        """Stop the other end: nothing more is written or read."""
        with self._changed:
            self._is_broken = True
            self._changed.notify_all()
        self._stir()

    def _try(self, is_so: Callable[[], bool]) -> bool:
        self._stirred.clear()
        with self._changed:
            return is_so()

    def _stir(self) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._stirred.set)

    def _has_room_or_end(self) -> bool:
        return self._is_broken or self._size < self._bytes_max

    def _has_piece_or_end(self) -> bool:
        return self._is_broken or self._is_complete or bool(self._pieces)

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)

    def _remove(self) -> bytes:
        piece = self._pieces.popleft()
        self._size -= len(piece)
        return piece


class RequestBody(io.RawIOBase):
    """A request's body as a view reads it: a file with the beginning, then the pipe with the rest.

    Args:
        beginning: A file at its beginning.
        rest: The rest; None if the file has the whole body.
        broken: Makes the error for an incomplete body.
    """

    def __init__(
        self,
        beginning: tempfile.SpooledTemporaryFile[bytes],
        rest: Pipe | None,
        broken: Callable[[], Exception],
    ) -> None:
        super().__init__()
        self._beginning = beginning
        self._rest = rest
        self._broken = broken
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, target: Any) -> int:
        """Read some bytes; 0 at the end."""
        if count := self._beginning.readinto(target):
            return count
        if not self._piece and self._rest:
            try:
                self._piece = memoryview(self._rest.take())
            except Broken as error:
                raise self._broken() from error
        count = min(len(target), len(self._piece))
        target[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count


def spool() -> tempfile.SpooledTemporaryFile[bytes]:
    """Return an empty file that stays in memory while it is small."""
    return tempfile.SpooledTemporaryFile(limits.rest_memory_bytes_max)
