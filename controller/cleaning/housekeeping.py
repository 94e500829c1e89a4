"""The thread that cleans from time to time, in one controller of the network."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fednet import limits
from fednet.errors import FednetError

from .cleaner import Cleaned, Cleaner, Position, Run

_log = logging.getLogger(__name__)


class Housekeeping:
    """Cleans every `limits.cleaning_seconds`, until it is closed.

    Args:
        cleaner: Cleans.
        is_due_here: Returns True if no other controller cleans.
    """

    def __init__(self, cleaner: Cleaner, is_due_here: Callable[[], bool]) -> None:
        self._cleaner = cleaner
        self._is_due_here = is_due_here
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cleaning", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after the step under way, for which nobody waits for long; the next run begins anew."""
        self._stopping.set()
        self._thread.join(limits.stop_seconds_max)

    def _run(self) -> None:
        while not self._stopping.wait(limits.cleaning_seconds):
            try:
                if self._is_due_here():
                    self._clean()
            except FednetError as error:
                _log.warning("the stores are cleaned later: %s", error)
            except Exception:  # noqa: BLE001  the next run may succeed
                _log.exception("the stores are not cleaned")

    def _clean(self) -> None:
        position: Position | None = Position()
        while position is not None and not self._stopping.is_set():
            cleaned = self._cleaner.clean(position, Run(), 0)
            _tell(cleaned)
            position = cleaned.position


def _tell(cleaned: Cleaned) -> None:
    deleted = ", ".join(f"{count} {kind}" for kind, count in cleaned.count.items() if count)
    if deleted:
        _log.info("deleted by retention: %s", deleted)
