"""The right to drive sessions: taken by compare-and-set, with a term that rises each time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from contextlib import suppress

from pydantic import ValidationError

from fednet.errors import Conflict
from fednet.storage import Document, Query

from ...leases import Leases
from ...measures import ControllerMetrics
from ...records import Records
from ..machine.state import UNFINISHED, Status
from .running import RunningSessions

_log = logging.getLogger(__name__)


class Ownership:
    """The sessions that nobody drives, and their takeover.

    Args:
        records: The documents.
        leases: The leases of all controllers.
        running: The sessions that this controller drives.
        starting: Held while a session is started here and has no actor yet.
        metrics: The controller's metrics.
    """

    def __init__(
        self,
        records: Records,
        leases: Leases,
        running: RunningSessions,
        starting: threading.Lock,
        metrics: ControllerMetrics,
    ) -> None:
        self._records = records
        self._leases = leases
        self._running = running
        self._starting = starting
        self._metrics = metrics

    def first_rights(self) -> Document:
        """Return the fields of a new session's document that make this controller its driver."""
        return {"owner": self._leases.owner, "term": 1}

    def next_rights(self, document: Document) -> Document:
        """Return the fields that make this controller the next driver of a session."""
        return {"owner": self._leases.owner, "term": document.get("term", 0) + 1}

    def take_up_orphans(self) -> None:
        """Take up all unfinished sessions without a living driver; two counts tell if there are any."""
        living = self._leases.look()
        self._complete_ended(living)
        with self._starting:
            if self._is_all_driven(living):
                return
            for document in self._records.find("sessions", Query(where={"status": UNFINISHED})):
                if not self._is_driven(document, living):
                    self._take_up(document)

    def _is_all_driven(self, living: Collection[str]) -> bool:
        incarnation = self._leases.owner["incarnation"]
        others = sorted(set(living) - {incarnation})
        all_ = self._count({})
        by_others = self._count({"owner.incarnation": others}) if others else 0
        return (
            all_ - by_others
            == self._count({"owner.incarnation": incarnation})
            == len(self._running.actors())
        )

    def _count(self, where: dict[str, str | list[str]]) -> int:
        return self._records.count("sessions", Query(where={"status": UNFINISHED, **where}))

    def _complete_ended(self, living: Collection[str]) -> None:
        """Complete the last commit of sessions whose driver died while it ended them."""
        for document in self._records.find("sessions", Query(where={"is_settled": False})):
            if (document.get("owner") or {}).get("incarnation") not in living:
                with suppress(Conflict):
                    self._running.complete(document)

    def _is_driven(self, document: Document, living: Collection[str]) -> bool:
        owner = document.get("owner")
        if owner == self._leases.owner:
            return self._running.actor(document["session_id"]) is not None
        return owner is not None and owner["incarnation"] in living

    def _take_up(self, document: Document) -> None:
        """Drive a session from now on, unless another controller is quicker; one that cannot be read fails."""
        away = self._leases.seconds_away(document.get("owner"))
        try:
            taken = self._records.documents.update(
                "sessions",
                document["id"],
                self.next_rights(document),
                expected_version=document["version"],
            )
        except Conflict:
            _log.debug("session %s was taken up by another", document["session_id"])
            return
        try:
            self._running.run(taken, away)
            self._metrics.taken_over.inc()
        except (ValidationError, KeyError):
            _log.exception("the state of session %s cannot be read", document["session_id"])
            self._fail(taken)

    def _fail(self, document: Document) -> None:
        reason = "Its state was written by another version of the controller. Start it anew."
        failed = {"status": str(Status.FAILED), "reason": reason}
        self._running.tell_changed(
            self._records.update("sessions", document["id"], lambda _: failed)
        )
