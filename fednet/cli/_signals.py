"""The signals that end a command with child processes."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future


def interrupt_on_signals() -> Future[None]:
    """Turn SIGTERM into a KeyboardInterrupt, like Ctrl-C.

    SIGINT is set, too, because a shell starts background processes with SIGINT ignored.

    Returns:
        A future that is done after the first signal. Code that waits in the main thread must wait for it, too, because
        a signal just before the wait would not end it.
    """
    came: Future[None] = Future()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)

    def watch() -> None:
        os.read(reader, 1)
        came.set_result(None)

    threading.Thread(target=watch, name="signals", daemon=True).start()
    return came
