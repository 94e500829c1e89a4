"""How a command that has started processes is told to end them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future


def interrupt_on_signals() -> Future[None]:
    """Make SIGTERM a KeyboardInterrupt, as Ctrl-C is.

    Ctrl-C is set too: a shell starts what it runs in the background with SIGINT ignored.

    Returns:
        What comes with the first signal. Whoever waits in the main thread waits for it, too: a
        signal in the instant before a wait begins would not end it.
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
