"""The statuses of clients, written in batches: one read for all, a write only where one has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fednet import limits
from fednet.errors import Conflict, NotFound
from fednet.storage import Document, Query

from .records import Records, timestamp

_log = logging.getLogger(__name__)

Tell = Callable[[str, str, bool], None]
"""Is called for a client that has connected or left."""


@dataclass(frozen=True)
class _Status:
    combiner: str
    is_online: bool

    def changes(self, client: Document) -> dict[str, str]:
        """Return the fields to change: none for a client that is placed at another combiner."""
        status = "online" if self.is_online else "offline"
        if client["combiner"] != self.combiner or client["status"] == status:
            return {}
        return {"status": status, "updated_at": timestamp()}


@dataclass
class ClientStatuses:
    """Collects the statuses of clients, the newest of each, until they are written.

    Args:
        records: The documents.
        tell: Called after each change that was written: the client, its combiner, True if it is connected.
    """

    records: Records
    tell: Tell = field(default=lambda *_: None)
    _waiting: dict[str, _Status] = field(default_factory=dict)

    def online(self, client_id: str, combiner: str) -> None:
        """Note that a client is connected to a combiner."""
        self._waiting[client_id] = _Status(combiner, is_online=True)

    def offline(self, client_id: str, combiner: str) -> None:
        """Note that a client's connection to a combiner has ended."""
        self._waiting[client_id] = _Status(combiner, is_online=False)

    def write(self) -> None:
        """Write the collected statuses, and report the changes.

        If the store fails in between, call it again; then it reports the rest.
        """
        ids = list(self._waiting)
        for first in range(0, len(ids), limits.page_items_max):
            some = ids[first : first + limits.page_items_max]
            found = {each["id"]: each for each in self.records.find("clients", _with_ids(some))}
            for id_ in some:
                if self._write(id_, self._waiting[id_], found):
                    self.tell(id_, self._waiting[id_].combiner, self._waiting[id_].is_online)

    def _write(self, id_: str, status: _Status, found: Mapping[str, Document]) -> bool:
        """Write a status; return True if it has changed, and nobody else has written it."""
        client = found.get(id_)
        if client is None:
            _log.warning("%s serves a client %s that is not registered", status.combiner, id_)
        elif changes := status.changes(client):
            try:
                self.records.documents.update(
                    "clients", id_, changes, expected_version=client["version"], known=client
                )
            except NotFound:
                _log.debug("the client %s was removed meanwhile", id_)
            except Conflict:
                return self._write_over(id_, status)
            else:
                return True
        return False

    def _write_over(self, id_: str, status: _Status) -> bool:
        """Write a status over the change that another process has made meanwhile."""
        made: list[dict[str, str]] = []

        def changes(client: Document) -> dict[str, str]:
            made.append(status.changes(client))
            return made[-1]

        self.records.update("clients", id_, changes)
        return bool(made[-1])


def _with_ids(ids: list[str]) -> Query:
    return Query(where={"id": ids})


def all_offline(records: Records, tell: Tell = lambda *_: None) -> None:
    """Mark all clients offline: nobody is connected when the first controller starts."""
    statuses = ClientStatuses(records, tell)
    for client in records.find("clients", Query(where={"status": ["available", "online"]})):
        statuses.offline(client["id"], client["combiner"])
    statuses.write()
