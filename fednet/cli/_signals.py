"""How a command that has started processes is told to end them."""

from __future__ import annotations

import signal


def interrupt_on_signals() -> None:
    """Make SIGTERM a KeyboardInterrupt, as Ctrl-C is.

    Ctrl-C is set too: a shell starts what it runs in the background with SIGINT ignored.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
