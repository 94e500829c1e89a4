"""The signals that end a command with child processes."""

from __future__ import annotations

import signal
from concurrent.futures import Future

from fednet.processes import SignalWatch, handle_signal


def interrupt_on_signals() -> Future[None]:
    """Turn SIGTERM into a KeyboardInterrupt, like Ctrl-C.

    SIGINT is set, too, because a shell starts background processes with SIGINT ignored.

    Returns:
        A future that is done after the first signal. Code that waits in the main thread must wait for it, too, because
        a signal just before the wait would not end it.
    """
    came: Future[None] = Future()

    def on_signal() -> None:
        if not came.done():
            came.set_result(None)

    SignalWatch(on_signal)
    for number in (signal.SIGTERM, signal.SIGINT):
        handle_signal(number, signal.default_int_handler)
    return came
