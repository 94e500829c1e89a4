"""The tokens and the principals that are refused though their signature is good.

A revocation is one document, named after the id that it revokes. It is written first; then the feed tells all
controllers, which hold all ids in memory, and tell the combiners. A token's revocation ends with the token, a
principal's never does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fednet import limits
from fednet.errors import Unauthenticated

from ..records import timestamp

if TYPE_CHECKING:
    from fednet.identity import Claims
    from fednet.storage import Document

    from ..records import Records

_COLLECTION: Final = "revocations"


@dataclass(frozen=True)
class Revocation:
    """A revoked id.

    Attributes:
        id: The id of a token or of a principal.
        revoked_at: When it was revoked, in seconds since 1970; 0 if an earlier version has not recorded it.
        expires_at: When the token ends anyway, in seconds since 1970; None if that is not known.
    """

    id: str
    revoked_at: float
    expires_at: float | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Revocation:
        """Return the revocation in a document."""
        return cls(document["id"], document.get("revoked", 0.0), document.get("expires", None))

    def is_over(self, now: float) -> bool:
        """Return True if the token would have ended by now without it."""
        return self.expires_at is not None and self.expires_at + limits.clock_skew_seconds_max < now


class Revocations:
    """The revoked ids of the network, in memory. For any thread.

    Args:
        records: The documents.
    """

    def __init__(self, records: Records) -> None:
        self._records = records
        self._known: dict[str, Revocation] = {}
        self._prune_at = limits.unpruned_revocations
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read all revocations, and delete those that are over.

        Raises:
            Unavailable: The store does not answer.
        """
        now = time.time()
        for document in list(self._records.documents.scan(_COLLECTION)):
            found = Revocation.of(document)
            if found.is_over(now):
                self._records.documents.delete(_COLLECTION, found.id)
            else:
                self._note(found)

    def learn(self, id_: str) -> None:
        """Read one revocation, of which another controller has told."""
        if document := self._records.documents.get(_COLLECTION, id_):
            self._note(Revocation.of(document))

    def add(self, id_: str, expires_at: float | None = None) -> None:
        """Revoke an id, for good; it is refused here from now on.

        Args:
            id_: The id of a token or of a principal.
            expires_at: When the token ends anyway, in seconds since 1970.
        """
        revoked = Revocation(id_, time.time(), expires_at)
        document: Document = {
            "id": id_,
            "revoked_at": timestamp(),
            "revoked": revoked.revoked_at,
            "expires": expires_at,
        }
        self._records.documents.insert_missing(_COLLECTION, [document])
        self._note(revoked)

    def look_up(self, id_: str) -> bool:
        """Return True if an id is revoked; also if another controller has just done it."""
        if id_ not in self._known:
            self.learn(id_)
        return id_ in self._known

    def when(self, id_: str) -> float | None:
        """Return the time at which an id was revoked, in seconds since 1970; None if it is not."""
        found = self._known.get(id_)
        return found.revoked_at if found else None

    def check(self, claims: Claims) -> None:
        """Refuse a token that is revoked itself, or with its parent or its principal.

        Raises:
            Unauthenticated: It is revoked.
        """
        if self._known.keys().isdisjoint(claims.ids):
            return
        if claims.principal.id in self._known:
            raise Unauthenticated(
                f"{str(claims.principal).capitalize()} was removed from the network. Ask an admin to register it again."
            )
        raise Unauthenticated("The token was revoked. Ask for a new one.")

    def recent(self) -> Sequence[str]:
        """Return the ids of which a combiner may still see tokens: it sees none that lives longer than an hour."""
        since = time.time() - limits.placement_token_seconds - 2 * limits.clock_skew_seconds_max
        with self._lock:
            return [each.id for each in self._known.values() if each.revoked_at >= since]

    def _note(self, revoked: Revocation) -> None:
        with self._lock:
            self._known[revoked.id] = revoked
            if len(self._known) >= self._prune_at:
                now = time.time()
                self._known = {
                    id_: each for id_, each in self._known.items() if not each.is_over(now)
                }
                self._prune_at = len(self._known) + limits.unpruned_revocations
