"""Follows a process, to its end or to its answer, and keeps the end of what it prints, in bounded memory."""

from __future__ import annotations

import os
import selectors
import threading
import time
from typing import TYPE_CHECKING, Protocol

from fednet import limits

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

_READ_BYTES = 64 * limits.KIB
_TAIL_BYTES_MAX = 4 * limits.traceback_characters_max  # a character has up to 4 bytes in UTF-8
_WAIT_SECONDS_MAX = 3600.0  # what every selector accepts as a time-out


class Awaited(Protocol):
    """What a process may be followed for, other than its end."""

    def fileno(self) -> int:
        """The descriptor that becomes readable when there is news."""

    def arrived(self) -> bool:
        """Takes in the news: whether what is awaited is here."""


class Output:
    """The output of one process, which was started with stdout as a pipe.

    Args:
        process: The process.
        on_piece: Is called with each piece of the output as it comes.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        on_piece: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        assert process.stdout is not None
        self._process = process
        self._on_piece = on_piece
        self._pipe = process.stdout.fileno()
        self._tail = bytearray()
        os.set_blocking(self._pipe, False)
        self._ended, writer = os.pipe()
        threading.Thread(target=_close_at_end, args=(process, writer), daemon=True).start()

    @property
    def text(self) -> str:
        """The end of the output, at most limits.traceback_characters_max characters."""
        return self._tail.decode(errors="replace")[-limits.traceback_characters_max :]

    def clear(self) -> None:
        """Forgets what was printed so far."""
        self._tail.clear()

    def close(self) -> None:
        """Follows no more; to be called once."""
        os.close(self._ended)

    def follow(
        self, seconds_max: float, on_late: Callable[[], None], awaited: Awaited | None = None
    ) -> bool:
        """Reads until the process has ended; its output may stay open, held by its children.

        Args:
            seconds_max: How long the process may take.
            on_late: Called once when it takes longer; it must make the process end.
            awaited: Ends it earlier, when it has arrived.

        Returns:
            Whether the process ended, or what was awaited arrived, in time.
        """
        deadline = time.monotonic() + seconds_max
        in_time = True
        readable: list[int | Awaited] = [self._pipe, self._ended, *([awaited] if awaited else [])]
        with selectors.DefaultSelector() as selector:
            for each in readable:
                selector.register(each, selectors.EVENT_READ)
            while True:
                wait_seconds = deadline - time.monotonic() if in_time else _WAIT_SECONDS_MAX
                events = selector.select(min(max(wait_seconds, 0), _WAIT_SECONDS_MAX))
                ready = {key.fileobj for key, _ in events}
                if self._pipe in ready and self._read() == b"":
                    selector.unregister(self._pipe)
                has_arrived = awaited is not None and awaited in ready and awaited.arrived()
                if has_arrived or self._ended in ready:
                    self._read_rest()
                    return in_time
                if in_time and time.monotonic() >= deadline:
                    in_time = False
                    on_late()

    def _read_rest(self) -> None:
        # Bounded by what a pipe holds: whoever still writes into it does not keep us here.
        for _ in range(limits.MIB // _READ_BYTES):
            if not self._read():
                return

    def _read(self) -> bytes | None:
        """Reads a piece: None when there is nothing now, empty when nothing will come any more."""
        try:
            piece = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return None
        self._on_piece(piece)
        self._tail += piece
        del self._tail[:-_TAIL_BYTES_MAX]
        return piece


def _close_at_end(process: subprocess.Popen[bytes], writer: int) -> None:
    process.wait()
    os.close(writer)
