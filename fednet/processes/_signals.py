"""Signals as calls in a thread, whatever the main thread waits for."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class SignalWatch:
    """Calls a function after each signal that Python handles, until it is closed. The main thread makes it.

    The system may give a signal to any thread. Python handles it in the main thread, which such a signal does not wake,
    and which one just before a wait does not wake either. Whoever was told of signals before is told of them, too.

    Args:
        on_signal: Called in a thread of its own.
    """

    def __init__(self, on_signal: Callable[[], None]) -> None:
        self._on_signal = on_signal
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._run, name="signals", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Call nothing more."""
        signal.set_wakeup_fd(self._before)
        os.close(self._writer)
        self._thread.join()

    def _run(self) -> None:
        while number := os.read(self._reader, 1):
            self._on_signal()
            if self._before >= 0:
                with contextlib.suppress(OSError):
                    os.write(self._before, number)
        os.close(self._reader)
