"""Follows a process to its end or to its answer, and keeps the end of its output in bounded memory."""

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
_WAIT_SECONDS_MAX = 3600.0  # the largest time-out that every selector accepts


class Awaited(Protocol):
    """An event to wait for other than the end of a process."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when something has arrived."""

    def arrived(self) -> bool:
        """Read from the descriptor; return True if the event has happened."""


class Output:
    """The output of one process that was started with stdout as a pipe.

    Args:
        process: The process.
        on_piece: Is called with each piece of the output when it arrives.
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
        """The end of the output, at most `limits.traceback_characters_max` characters."""
        return self._tail.decode(errors="replace")[-limits.traceback_characters_max :]

    def clear(self) -> None:
        """Forget the output so far."""
        self._tail.clear()

    def close(self) -> None:
        """Stop following; call it once."""
        os.close(self._ended)

    def follow(
        self, seconds_max: float, on_late: Callable[[], None], awaited: Awaited | None = None
    ) -> bool:
        """Read until the process has ended; children of the process may keep its output open.

        Args:
            seconds_max: The time limit of the process.
            on_late: Is called once after the time limit; it must end the process.
            awaited: An event that ends the reading earlier.

        Returns:
            True if the process ended, or the event happened, in time.
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
        # The capacity of a pipe limits this loop, even if somebody still writes into it.
        for _ in range(limits.MIB // _READ_BYTES):
            if not self._read():
                return

    def _read(self) -> bytes | None:
        """Read a piece: None if nothing is there now, empty at the end of the output."""
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
