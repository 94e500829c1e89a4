"""Refused requests in the audit log: the first of an address at once, like ones as a count.

So a flood of refusals costs one entry a minute for each address and kind of refusal, and no more addresses than
`limits.audit_addresses_max` are told apart.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from fednet import limits

from .entries import AuditDraft

_OTHERS = "others"


@dataclass
class _Repeated:
    """The refusals of one address and kind since the last entry.

    Attributes:
        until: When they are told, in seconds of the clock.
        draft: The last one.
        count: Their number.
    """

    until: float
    draft: AuditDraft
    count: int = 0


class AuditRefusals:
    """Counts refusals. For any thread.

    Args:
        append: Hands over an entry.
        clock: Returns the time in seconds, never backwards.
    """

    def __init__(
        self, append: Callable[[AuditDraft], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._append = append
        self._clock = clock
        self._repeated: OrderedDict[tuple[str, str], _Repeated] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, draft: AuditDraft) -> None:
        """Tell a refusal, or count it."""
        with self._lock:
            drafts = self._due()
            key = (draft.address, draft.code)
            if key not in self._repeated and len(self._repeated) >= limits.audit_addresses_max:
                draft = replace(draft, address=_OTHERS)
                key = (_OTHERS, draft.code)
            if known := self._repeated.get(key):
                known.draft, known.count = draft, known.count + 1
            else:
                until = self._clock() + limits.audit_refusals_seconds
                self._repeated[key] = _Repeated(until, draft)
                drafts.append(draft)
        for each in drafts:
            self._append(each)

    def close(self) -> None:
        """Tell what was counted."""
        with self._lock:
            drafts = self._due(is_over=True)
        for each in drafts:
            self._append(each)

    def _due(self, *, is_over: bool = False) -> list[AuditDraft]:
        """Take out the counts whose time is over, those of the oldest first; the first refusal was told already."""
        now, due = self._clock(), []
        while self._repeated:
            first = next(iter(self._repeated.values()))
            if first.until > now and not is_over:
                break
            self._repeated.popitem(last=False)
            if first.count:
                due.append(replace(first.draft, count=first.count))
        return due
