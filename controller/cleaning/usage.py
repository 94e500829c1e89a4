"""The figures of what is stored: by kind, by session and by age."""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fednet import limits
from fednet.contract import RESOURCES
from fednet.storage import Blobs, Document

from ..audit.log import AuditLog
from ..records import Records
from .models import file_bytes
from .protection import is_pinned
from .rules import seconds_of

_DAY_SECONDS: Final = 24 * 3600.0
_AGES: Final = {"day": 1.0, "week": 7.0, "month": 30.0, "year": 365.0}
_OLDER: Final = "older"
_NO_SESSION: Final = ""
_FOLDERS: Final = ("partials", "states", "incoming")
_WITH_FILES: Final = ("models", "packages")


@dataclass
class Amount:
    """A number of objects, and the bytes of their files; None where they have none."""

    count: int = 0
    size_bytes: int | None = None

    def add(self, size_bytes: int) -> None:
        """Add one object."""
        self.count += 1
        self.size_bytes = (self.size_bytes or 0) + size_bytes


@dataclass
class Usage:
    """The figures.

    Attributes:
        kinds: By kind of object.
        sessions: The models of the sessions that use most; "" for models that no session made.
        ages: The models by age: those of at most a day, a week, a month, a year, and older ones.
        pinned: The pinned models.
    """

    kinds: dict[str, Amount] = field(default_factory=dict)
    sessions: dict[str, Amount] = field(default_factory=dict)
    ages: dict[str, Amount] = field(
        default_factory=lambda: {name: Amount() for name in (*_AGES, _OLDER)}
    )
    pinned: Amount = field(default_factory=Amount)

    def add_model(self, model: Document, now: float) -> None:
        """Count a model."""
        size_bytes = file_bytes(model)
        self.sessions.setdefault(model.get("session_id") or _NO_SESSION, Amount()).add(size_bytes)
        self.ages[_age(now - seconds_of(model["committed_at"]))].add(size_bytes)
        if is_pinned(model):
            self.pinned.add(size_bytes)

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON values; of sessions only those that use most."""
        most = heapq.nlargest(
            limits.usage_sessions_max,
            self.sessions.items(),
            key=lambda item: item[1].size_bytes or 0,
        )
        sessions = [{"session_id": id_ or None, **vars(amount)} for id_, amount in most]
        return {
            "kinds": _named(self.kinds),
            "sessions": sessions,
            "ages": _named(self.ages),
            "pinned": vars(self.pinned),
        }


def usage_of(records: Records, blobs: Blobs, audit: AuditLog) -> Usage:
    """Read all models' documents, count the others, and list the blobs of sessions under way."""
    usage, now = Usage(), time.time()
    names = [each.name for each in RESOURCES if each.name not in _WITH_FILES]
    for name in names:
        usage.kinds[name] = Amount(records.count(name))
    usage.kinds["audit"] = Amount(audit.head().number - audit.anchor().number)
    for name in _WITH_FILES:
        amount = usage.kinds[name] = Amount(0, 0)
        for each in records.documents.scan(name):
            amount.add(file_bytes(each))
            if name == "models":
                usage.add_model(each, now)
    for name in _FOLDERS:
        amount = usage.kinds[name] = Amount(0, 0)
        for key in blobs.list(f"{name}/"):
            amount.add(blobs.size(key) or 0)
    return usage


def _age(seconds: float) -> str:
    return next(
        (name for name, days in _AGES.items() if seconds <= days * _DAY_SECONDS),
        _OLDER,
    )


def _named(amounts: Mapping[str, Amount]) -> dict[str, Any]:
    return {name: vars(amount) for name, amount in amounts.items()}
