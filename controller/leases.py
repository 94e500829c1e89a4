"""Leases on the names of controllers, which show in the state store that a controller is alive.

Each controller has a document, which it renews by compare-and-set. Observers use their own clock: a lease that has not
changed for `limits.lease_seconds` has expired. So clocks of different machines need not agree. One renewal renews the
controller's right to all its sessions.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fednet import limits
from fednet.errors import AlreadyExists, Conflict, FailedPrecondition, NotFound
from fednet.storage import Document

from .records import Records, new_id, timestamp


@dataclass
class Observer:
    """Finds expired leases by the time since their last change. Pure: the time is an argument."""

    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def living(self, leases: Sequence[Document], now: float) -> dict[str, Document]:
        """Return the leases that are neither released nor expired, by incarnation.

        Args:
            leases: All leases as they are in the store.
            now: The time in seconds of a monotonic clock.
        """
        known, self._seen = self._seen, {}
        for lease in leases:
            before = known.get(lease["id"])
            is_same = before is not None and before[0] == lease["version"]
            self._seen[lease["id"]] = before if before and is_same else (lease["version"], now)
        return {
            lease["incarnation"]: lease
            for lease in leases
            if not lease["is_released"] and now < self._expires_at(lease["id"])
        }

    def next_expiry(self, now: float) -> float:
        """Return the seconds until a lease expires that is not renewed; infinite if all have expired."""
        left = [self._expires_at(name) - now for name in self._seen]
        return min((seconds for seconds in left if seconds > 0), default=float("inf"))

    def _expires_at(self, name: str) -> float:
        return self._seen[name][1] + limits.lease_seconds


class Leases:
    """The lease of this controller, and those of all other controllers.

    Args:
        records: The documents.
        name: This controller's name.
        folder_mark: The mark of the folder that this process has locked. A lease with the same mark is an earlier
            process's, which is dead.

    Attributes:
        name: This controller's name.
        owner: The name of this process in the documents of its sessions.
        is_held: False once another process has taken the name.
    """

    def __init__(self, records: Records, name: str, folder_mark: str) -> None:
        self.name = name
        self.owner = {"name": name, "incarnation": new_id()}
        self.is_held = False
        self._records = records
        self._mark = folder_mark
        self._observer = Observer()
        self._lease: Document = {}
        self._living: Mapping[str, Document] = {}
        self._renewed_at: dict[str, str] = {}
        self._lock = threading.Lock()

    def take(self, address: str) -> None:
        """Take the name: at once if its holder is certainly dead, else when the holder's lease has expired.

        Args:
            address: The address of this controller's REST API.

        Raises:
            FailedPrecondition: Another controller has the name, and renews its lease.
        """
        fresh = {
            "incarnation": self.owner["incarnation"],
            "address": address,
            "folder_mark": self._mark,
            "taken_at": timestamp(),
            "renewed_at": timestamp(),
            "is_released": False,
        }
        try:
            lease = {"id": self.name, "name": self.name, "term": 1, **fresh}
            self._lease = self._records.insert("controllers", lease)
        except AlreadyExists:
            self._lease = self._take_over(fresh)
        self.is_held = True

    def renew(self) -> None:
        """Renew the lease.

        Raises:
            Conflict: Another process has taken the name.
            Unavailable: The store does not answer.
        """
        try:
            self._lease = self._change({"renewed_at": timestamp()})
        except NotFound:
            self._lease = self._records.insert("controllers", self._lease)
        except Conflict:
            found = self._records.get("controllers", self.name)
            if found["incarnation"] != self.owner["incarnation"]:
                self.is_held = False
                raise
            self._lease = found  # our own write, of which only the answer was lost

    def release(self) -> None:
        """Release the name, so that other controllers take over at once."""
        if self.is_held:
            self.is_held = False
            self._change({"renewed_at": timestamp(), "is_released": True})

    def look(self) -> Mapping[str, Document]:
        """Read all leases; return those of living controllers, by incarnation."""
        found = self._records.find("controllers")
        with self._lock:
            self._living = self._observer.living(found, time.monotonic())
            self._renewed_at |= {each["incarnation"]: each["renewed_at"] for each in found}
            return self._living

    @property
    def living(self) -> Mapping[str, Document]:
        """The leases of living controllers by incarnation, as of the last `look`."""
        return self._living

    def is_first(self) -> bool:
        """Return True if no living controller has taken its lease before this one."""
        by_age = sorted(
            self.look().values(), key=lambda each: (each.get("taken_at", ""), each["id"])
        )
        return bool(by_age) and by_age[0]["incarnation"] == self.owner["incarnation"]

    def next_expiry(self) -> float:
        """Return the seconds until a lease expires, as of the last `look`."""
        with self._lock:
            return self._observer.next_expiry(time.monotonic())

    def holder(self, owner: Mapping[str, Any] | None) -> Document | None:
        """Return the lease of a session's owner; None if the owner is not alive."""
        incarnation = str((owner or {}).get("incarnation"))
        return self._living.get(incarnation) or self.look().get(incarnation)

    def seconds_away(self, owner: Mapping[str, Any] | None) -> float:
        """Return the time since an owner's last renewal; 0 if it is unknown."""
        renewed_at = self._renewed_at.get(str((owner or {}).get("incarnation")))
        if renewed_at is None:
            return 0.0
        since = datetime.now(UTC) - datetime.fromisoformat(renewed_at)
        return max(0.0, since.total_seconds())

    def _take_over(self, fresh: Document) -> Document:
        found = self._records.get("controllers", self.name)
        is_gone = found["is_released"] or found["folder_mark"] == self._mark
        if not is_gone:
            threading.Event().wait(limits.lease_seconds)
        self._renewed_at[found["incarnation"]] = found["renewed_at"]
        with suppress(Conflict):
            return self._records.documents.update(
                "controllers",
                self.name,
                {
                    **fresh,
                    "taken_at": timestamp(),
                    "renewed_at": timestamp(),
                    "term": found["term"] + 1,
                },
                expected_version=found["version"],
            )
        raise FailedPrecondition(
            f"The controller at {found['address']} has the name {self.name!r}. Choose another name "
            "with --name.",
            field="name",
        )

    def _change(self, changes: Document) -> Document:
        return self._records.documents.update(
            "controllers", self.name, changes, expected_version=self._lease["version"]
        )
