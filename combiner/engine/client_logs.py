"""The bounds on the logs of clients: a flood is dropped, and told as one line."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fednet import limits
from fednet.budgets import CallerBudgets

from ..machine.values import LogLevel, LogRecord

_FLOOD: Final = (
    f"The client has written more than {limits.log_lines_max} log lines or {limits.log_bytes_max} bytes in a short "
    "time. Its log is dropped for a while."
)


class ClientLogs:
    """Decides which records of a client's log are kept.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = CallerBudgets(limits.log_lines_max, limits.log_lines_per_second, clock)
        self._bytes = CallerBudgets(limits.log_bytes_max, limits.log_bytes_per_second, clock)
        self._flooding: set[str] = set()

    def kept(self, client_id: str, record: LogRecord) -> LogRecord | None:
        """Return the record to keep: the given one, or the one that tells of a flood; None if it is dropped."""
        if client_id in self._flooding:
            if not (self._lines.is_full(client_id) and self._bytes.is_full(client_id)):
                return None
            self._flooding.discard(client_id)
        size_bytes = len(record.text.encode())
        if self._lines.spend(client_id) and self._bytes.spend(client_id, size_bytes):
            return record
        self._flooding.add(client_id)
        return replace(record, text=_FLOOD, level=LogLevel.WARNING)
