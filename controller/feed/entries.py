"""The entries of the feed, and the choice among them that a reader makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

IdValue = str | int
"""A value of an entry's ids."""


class EntryKind(StrEnum):
    """The kinds of entries.

    Attributes:
        SESSION_CHANGED: A session's document has changed: session_id, version, status.
        CLIENT_JOINED: A client has connected: client_id, combiner.
        CLIENT_LEFT: A client's connection has ended: client_id, combiner.
        COMBINER_UP: The controller that appended it follows a combiner: combiner.
        COMBINER_DOWN: The controller that appended it has lost a combiner: combiner.
        REVOKED: A token, or all tokens of a principal, are refused from now on: revoked_id.
        KEYS_CHANGED: Other keys sign or verify tokens from now on; it has no ids.
        ENTRIES_LOST: So many entries were dropped while the state store was away: count. Read the state anew.
    """

    SESSION_CHANGED = "session_changed"
    CLIENT_JOINED = "client_joined"
    CLIENT_LEFT = "client_left"
    COMBINER_UP = "combiner_up"
    COMBINER_DOWN = "combiner_down"
    REVOKED = "revoked"
    KEYS_CHANGED = "keys_changed"
    ENTRIES_LOST = "entries_lost"


@dataclass(frozen=True)
class Entry:
    """Something that has happened.

    Attributes:
        number: Its place in the feed: 1 for the first, one more for each.
        at: When it happened: ISO 8601, UTC.
        kind: A value of `EntryKind`.
        ids: The things that it happened to.
        controller: The name of the controller that appended it.
    """

    number: int
    at: str
    kind: str
    ids: Mapping[str, IdValue]
    controller: str

    def to_dict(self) -> dict[str, object]:
        """Return the entry as readers see it."""
        return asdict(self)


@dataclass(frozen=True)
class Interest:
    """The choice of a reader; each part that is None or False chooses all.

    Attributes:
        kinds: Only these kinds.
        session_id: Only entries about this session.
        statuses: Only entries with one of these statuses.
        controller: Only entries that this controller appended.
    """

    kinds: frozenset[str] | None = None
    session_id: str | None = None
    statuses: frozenset[str] | None = None
    controller: str | None = None

    def wants(self, entry: Entry) -> bool:
        """Return True if the entry is chosen; lost entries may have been anything."""
        if entry.kind == EntryKind.ENTRIES_LOST:
            return self.controller in (None, entry.controller)
        return (
            (self.kinds is None or entry.kind in self.kinds)
            and (self.session_id is None or entry.ids.get("session_id") == self.session_id)
            and (self.statuses is None or entry.ids.get("status") in self.statuses)
            and (self.controller is None or entry.controller == self.controller)
        )


@dataclass(frozen=True)
class FeedPage:
    """Some entries in their order.

    Attributes:
        entries: The entries.
        next: The number after which to go on.
        head: The number of the newest entry.
        oldest: The number of the oldest entry that is kept.
        is_gap: Entries that were asked for are not kept any more: read the state anew.
    """

    entries: Sequence[Entry]
    next: int
    head: int
    oldest: int
    is_gap: bool = False

    def chosen(self, interest: Interest) -> FeedPage:
        """Return the page without the entries that are of no interest."""
        kept = [entry for entry in self.entries if interest.wants(entry)]
        return FeedPage(kept, self.next, self.head, self.oldest, self.is_gap)


def session_ids(document: Mapping[str, Any]) -> dict[str, IdValue]:
    """Return the ids of an entry about a session's document."""
    return {name: document[name] for name in ("session_id", "version", "status")}
