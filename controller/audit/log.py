"""The audit log of one controller: a thread appends what has come together as one block.

A changing request waits until its beginning is stored; only then it is carried out. So `kill -9` at any moment leaves
no change without an entry: at worst an entry that tells a beginning and no end. The end and refusals are appended a
moment later, and nobody waits for them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fednet import limits
from fednet.audit import AuditHead
from fednet.backoff import backoff_seconds
from fednet.errors import AlreadyExists, FednetError, Unavailable

from ..records import Records, timestamp
from .blocks import AuditBlocks
from .entries import AuditDraft, pruned

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Waiting:
    """An entry that is to be appended.

    Attributes:
        draft: The entry.
        number: Its number, once it is stored; None if nobody waits for it.
    """

    draft: AuditDraft
    number: Future[int] | None = None


class AuditLog:
    """Appends and reads entries. For any thread.

    Args:
        records: The documents.
        controller: The name of the controller that appends.
    """

    def __init__(self, records: Records, controller: str) -> None:
        self._blocks = AuditBlocks(records.documents)
        self._controller = controller
        self._head: AuditHead | None = None  # unknown until the thread has read it
        self._waiting: deque[_Waiting] = deque()
        self._is_closing = False
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def append(self, draft: AuditDraft) -> int:
        """Append an entry, and return its number once it is stored.

        Raises:
            Unavailable: It could not be stored in time; what it tells must not be done.
        """
        number: Future[int] = Future()
        self._hand_over(_Waiting(draft, number))
        try:
            return number.result(limits.audit_seconds_max)
        except (TimeoutError, CancelledError) as error:
            raise _unavailable() from error

    def append_soon(self, draft: AuditDraft) -> None:
        """Hand over an entry for which nobody waits; returns at once."""
        self._hand_over(_Waiting(draft))

    def head(self) -> AuditHead:
        """Return the head of the log in the store."""
        return self._blocks.head()

    def after(self, number: int, head: AuditHead) -> tuple[list[dict[str, Any]], int]:
        """Return entries after a number, and the number to go on after; see `AuditBlocks.after`."""
        return self._blocks.after(number, head)

    def anchor(self) -> AuditHead:
        """Return the last entry that retention has deleted; 0 if there is none."""
        return self._blocks.anchor()

    def prune(
        self, kept_max: int | None, seconds_max: float | None, *, only_looks: bool, passed: int = 0
    ) -> tuple[int, bool]:
        """Delete the oldest entries, a bounded number of them; an entry that names the last of them comes first.

        Args:
            kept_max: The number of entries that are kept; None for any number.
            seconds_max: The age up to which entries are kept; None for any age.
            only_looks: True if nothing is deleted.
            passed: The number of the oldest blocks that an earlier look has counted; each has counted
                `limits.audit_pruned_blocks` of them.

        Returns:
            The number of entries, and True if that were all.

        Raises:
            Unavailable: The log cannot be written.
        """
        anchor, count, is_all = self._blocks.surplus(kept_max, _before(seconds_max), passed)
        if only_looks or not count:
            return count, is_all or not count
        self.append(pruned(anchor, timestamp()))
        self._blocks.prune(anchor)
        return count, is_all

    def close(self) -> None:
        """Append what waits, if the store answers, and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._closing.set()
        self._thread.join()

    def _hand_over(self, waiting: _Waiting) -> None:
        with self._changed:
            if self._is_closing or len(self._waiting) >= limits.audit_waiting_entries_max:
                _log.error("no place for an entry of the audit log: %s", waiting.draft)
                raise _unavailable()
            self._waiting.append(waiting)
            self._changed.notify()

    # The thread

    def _run(self) -> None:
        failures = 0
        while batch := self._take():
            try:
                self._append(batch)
                failures = 0
            except Exception as error:  # noqa: BLE001  later entries must be appended all the same
                failures += 1
                self._head = None
                _log.warning("the audit log waits for the state store", exc_info=_unknown(error))
                self._give_up_or_put_back(batch)
                if self._closing.wait(backoff_seconds(failures)):
                    break
        self._let_go()

    def _take(self) -> list[_Waiting]:
        """Wait for entries; return none once all are appended and the log closes."""
        with self._changed:
            while not (self._waiting or self._is_closing):
                self._changed.wait()
            count = min(len(self._waiting), limits.audit_block_entries)
            return [self._waiting.popleft() for _ in range(count)]

    def _append(self, batch: list[_Waiting]) -> None:
        entries = self._insert([each.draft for each in batch])
        for waiting, entry in zip(batch, entries, strict=True):
            if waiting.number:
                waiting.number.set_result(entry["number"])

    def _insert(self, drafts: list[AuditDraft]) -> list[dict[str, Any]]:
        while True:
            head = self._head = self._head or self._blocks.head()
            entries: list[dict[str, Any]] = []
            for draft in drafts:
                entries.append(draft.after(head, self._controller))
                head = AuditHead(head.number + 1, entries[-1]["hash"])
            try:
                self._blocks.insert(entries)
            except AlreadyExists:  # another controller was quicker
                self._head = None
            else:
                self._head = head
                return entries

    def _give_up_or_put_back(self, batch: list[_Waiting]) -> None:
        """Refuse the requests that wait; keep what has happened already."""
        for waiting in batch:
            if waiting.number:
                waiting.number.set_exception(_unavailable())
        kept = [waiting for waiting in batch if waiting.number is None]
        with self._changed:
            self._waiting.extendleft(reversed(kept))

    def _let_go(self) -> None:
        with self._changed:
            left, self._waiting = self._waiting, deque()
        for waiting in left:
            if waiting.number:
                waiting.number.set_exception(_unavailable())


def _before(seconds: float | None) -> str:
    """Return the time so many seconds ago, as entries have it; "" for None."""
    if seconds is None:
        return ""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unknown(error: Exception) -> Exception | None:
    """Return an error that is no refusal of the store, so that the log has its traceback."""
    return None if isinstance(error, FednetError) else error


def _unavailable() -> Unavailable:
    return Unavailable("The audit log cannot be written, so nothing was changed. Try again.")
