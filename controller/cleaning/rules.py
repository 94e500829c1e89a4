"""The choice of what is deleted. Pure: documents and the time go in, ids come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Rule:
    """The bounds on one kind of documents; a document beyond either of them is deleted.

    Attributes:
        kept_max: The number of documents that are kept, protected ones among them; None for any number.
        seconds_max: The age up to which documents are kept; None for any age.
    """

    kept_max: int | None = None
    seconds_max: float | None = None

    def excess(self, total: int) -> int:
        """Return the number of documents beyond the first bound."""
        return 0 if self.kept_max is None else max(0, total - self.kept_max)

    def is_too_old(self, at: float, now: float) -> bool:
        """Return True if a document of this time is beyond the second bound; both in seconds since 1970."""
        return self.seconds_max is not None and now - at > self.seconds_max


@dataclass(frozen=True)
class Aged:
    """A document as the choice sees it.

    Attributes:
        id: Its id.
        at: Its time, in seconds since 1970.
        is_protected: True if no rule deletes it.
    """

    id: str
    at: float
    is_protected: bool = False


@dataclass(frozen=True)
class Surplus:
    """The choice among one page of documents.

    Attributes:
        ids: The documents to delete.
        passed: The number of documents that were looked at and stay.
        is_last: True if no later document is to be deleted.
    """

    ids: tuple[str, ...]
    passed: int
    is_last: bool


def surplus(page: Sequence[Aged], excess: int, rule: Rule, now: float) -> Surplus:
    """Choose among documents that come the oldest first.

    Args:
        page: The documents.
        excess: The number of documents beyond the rule's first bound.
        rule: The rule.
        now: The time, in seconds since 1970.
    """
    ids: list[str] = []
    passed = 0
    for each in page:
        if each.is_protected:
            passed += 1
        elif len(ids) < excess or rule.is_too_old(each.at, now):
            ids.append(each.id)
        else:
            return Surplus(tuple(ids), passed, is_last=True)
    return Surplus(tuple(ids), passed, is_last=False)


def seconds_of(text: str) -> float:
    """Return a time of a document, ISO 8601, in seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
