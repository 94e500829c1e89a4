"""The one place that writes a session: its document first, then the documents that follow from it.

The session's document is changed by compare-and-set. It carries the other documents of the same commit (`projections`),
so that a crash in between loses none: whoever takes the session up puts them again. A projection carries the term and
the version of its session, and never replaces a newer one.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from fednet import limits
from fednet.errors import AlreadyExists, Conflict, NotFound
from fednet.storage import Document, Documents

from ...records import Records
from ..machine.orders import Projection
from ..machine.state import Status

_ACTIVE = ("network", "active")


class Commits:
    """The commits of one controller's sessions.

    Args:
        records: The documents.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._written: OrderedDict[tuple[str, str], Document] = OrderedDict()
        self._counter: Document | None = None
        self._lock = threading.Lock()  # over _written
        self._counting = threading.Lock()

    def commit(
        self, document: Document, changes: Mapping[str, Any], projections: Sequence[Projection] = ()
    ) -> Document:
        """Change a session's document, then put its projections; return the document as it is then.

        Args:
            document: The session's document as this controller knows it.
            changes: The fields to change.
            projections: The documents that follow from the change.

        Raises:
            Conflict: Somebody else has changed the session's document. Nothing was written.
        """
        began = time.monotonic()
        latest = list({(each.collection, each.id): each for each in projections}.values())
        carried = [vars(each) for each in latest]
        # A session that has ended is not taken up again, so it says that it is still to be completed.
        is_settled = not (latest and Status(changes["status"]).is_final)
        settled = {"projections": carried, "is_settled": is_settled}
        committed = self._change(document, {**changes, **settled})
        for projection in sorted(latest, key=lambda each: each.collection == "rounds"):
            self._put(projection, stamp_of(committed), began)
        return committed if is_settled else self.settle(committed)

    def complete(self, document: Document) -> None:
        """Put the projections that a session's document carries, as far as its earlier driver left them out."""
        for carried in document.get("projections", ()):
            projection = Projection(**carried)
            if (projection.collection, projection.id) == _ACTIVE:
                self._complete_active(document, projection)
            elif self._records.documents.get(projection.collection, projection.id) is None:
                self._put(projection, stamp_of(document), time.monotonic())
            else:
                self._replace_older(projection, stamp_of(document))

    def settle(self, document: Document) -> Document:
        """Note that a session that has ended is complete."""
        return self._change(document, {"is_settled": True})

    def _change(self, document: Document, changes: dict[str, Any]) -> Document:
        documents = self._records.documents
        try:
            return _update(documents, "sessions", document, changes)
        except Conflict:
            found = documents.get("sessions", document["id"]) or {}
            rights = {name: document.get(name) for name in ("owner", "term")}
            ours = {**rights, **changes, "version": document["version"] + 1}
            if ours.items() <= found.items():
                return found  # our own write: only its answer was lost
            raise

    # Projections

    def _put(self, projection: Projection, stamp: Document, began: float) -> None:
        """Insert a document, or update the one that is remembered; read only after a conflict."""
        key = (projection.collection, projection.id)
        fields = {**_timed(projection, began), **({} if key == _ACTIVE else stamp)}
        known = self._remembered(key)
        if known is None:
            if self._inserted(projection, fields):
                return
        else:
            with suppress(Conflict, NotFound):
                documents = self._records.documents
                self._remember(key, _update(documents, projection.collection, known, fields))
                return
        self._replace_older(projection, stamp)

    def _inserted(self, projection: Projection, fields: dict[str, Any]) -> bool:
        if (projection.collection, projection.id) == _ACTIVE:
            return False  # it is there from the first model on
        if projection.collection == "rounds":
            fields = {"round_id": str(self._next_round_number()), **fields}
        document = {"id": projection.id, **fields}
        try:
            inserted = self._records.insert(projection.collection, document)
        except AlreadyExists:
            return False
        self._remember((projection.collection, projection.id), inserted)
        return True

    def _replace_older(self, projection: Projection, stamp: Document) -> None:
        """Change a document that is there, unless a later commit of the session wrote it."""

        def changes(found: Document) -> dict[str, Any]:
            of_same = found.get("session_id") == projection.fields.get("session_id")
            is_newer = of_same and _order(found) > _order(stamp)
            return {} if is_newer else {**projection.fields, **stamp}

        key = (projection.collection, projection.id)
        if key == _ACTIVE:
            found = self._records.set_active(**projection.fields)
        else:
            found = self._records.update(projection.collection, projection.id, changes)
        self._remember(key, found)

    def _complete_active(self, document: Document, projection: Projection) -> None:
        """Set the active model, unless somebody has set another one since."""
        model_id = projection.fields["model_id"]
        before = self._records.active()["model_id"]
        made = self._records.documents.get("models", model_id) or {}
        is_parent = before == made.get("parent_id")
        active = self._records.documents.get("models", before or "") or {}
        if is_parent or active.get("session_id") == document["session_id"]:
            self._replace_older(projection, stamp_of(document))

    def _next_round_number(self) -> int:
        """Return the next number in the count of all rounds of the network."""
        with self._counting:
            self._counter = self._counted(self._counter)
            return int(self._counter["rounds"])

    def _counted(self, known: Document | None) -> Document:
        if known:
            with suppress(Conflict, NotFound):
                changes = {"rounds": known["rounds"] + 1}
                return _update(self._records.documents, "network", known, changes)
        try:
            return self._records.insert("network", {"id": "counters", "rounds": 1})
        except AlreadyExists:
            return self._records.update(
                "network", "counters", lambda before: {"rounds": before["rounds"] + 1}
            )

    def _remembered(self, key: tuple[str, str]) -> Document | None:
        with self._lock:
            return self._written.get(key)

    def _remember(self, key: tuple[str, str], document: Document) -> None:
        with self._lock:
            self._written[key] = document
            self._written.move_to_end(key)
            while len(self._written) > limits.remembered_documents_max:
                self._written.popitem(last=False)


def _update(
    documents: Documents, collection: str, known: Document, changes: Mapping[str, Any]
) -> Document:
    """Change a document from the state that is known; it is not read before."""
    return documents.update(
        collection, known["id"], changes, expected_version=known["version"], known=known
    )


def stamp_of(session: Document) -> Document:
    """Return the mark that projections carry: the term and version of their session's document."""
    return {"session_term": session.get("term", 0), "session_version": session["version"]}


def _order(stamped: Document) -> tuple[int, int]:
    return stamped.get("session_term", 0), stamped.get("session_version", 0)


def _timed(projection: Projection, began: float) -> dict[str, Any]:
    """Return the fields, with the time that the commit has taken if a round is finished by it."""
    fields = projection.fields
    if projection.collection != "rounds" or fields.get("status") != "Finished":
        return fields
    seconds, commit = fields["seconds"], time.monotonic() - began
    return {**fields, "seconds": {**seconds, "commit": commit, "round": seconds["round"] + commit}}
