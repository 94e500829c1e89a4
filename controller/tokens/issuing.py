"""Tokens of the network: made, recorded, read and revoked.

A token that lives for days has a record in the collection `tokens`, named after the token's id. Those of minutes or an
hour have none: they end with the token that they are derived from, which they name as their parent.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fednet import limits
from fednet.contract import Principal
from fednet.errors import AlreadyExists, NotFound
from fednet.identity import Claims, TokenUse, combiner_audience
from fednet.storage import Query

from ..records import timestamp

if TYPE_CHECKING:
    from fednet.identity import Verifier
    from fednet.storage import Document

    from ..records import Records
    from .revocations import Revocations

_COLLECTION: Final = "tokens"
_EXPIRED_AT_ONCE: Final = 10  # deleted with each new record, so that their number stays bounded


@dataclass(frozen=True)
class Tokens:
    """The tokens of one network, at one controller. For any thread.

    Args:
        records: The documents.
        sign: Returns the token with this content.
        verifier: Reads tokens for the REST API.
        revocations: The ids that are refused.
        tell: Called with an id once it is revoked.
    """

    records: Records
    sign: Callable[[Claims], str]
    verifier: Verifier
    revocations: Revocations
    tell: Callable[[str], None]

    def read(self, token: str) -> Claims:
        """Return the content of a token.

        Raises:
            Unauthenticated: It is not of this network, not for the REST API, has ended, or was revoked.
        """
        claims = self.verifier.read(token)
        self.revocations.check(claims)
        return claims

    def issue(
        self,
        issuer: Principal,
        principal: Principal,
        use: TokenUse,
        seconds: float,
        parent: str | None = None,
    ) -> tuple[str, Document]:
        """Make and record a token; return it with its record.

        Args:
            issuer: Who asks for it.
            principal: Whom it speaks for.
            use: What it is for.
            seconds: How long it is valid.
            parent: The id with which it ends, too.
        """
        claims = Claims.of(principal, use, seconds, parent=parent)
        record = self.records.insert(_COLLECTION, _record_of(claims, issuer))
        self._forget_expired()
        return self.sign(claims), record

    def membership(self, issuer: Principal, member: Principal, id_: str) -> str:
        """Return a member's own token. A member has one: others that it had are revoked.

        Args:
            issuer: Who has let it in.
            member: The client or combiner.
            id_: The id of the token. One that is recorded gets a later end, once half of its life is over.

        Raises:
            AlreadyExists: The id belongs to another token.
        """
        seconds = limits.membership_token_seconds
        fresh = Claims.of(member, TokenUse.MEMBERSHIP, seconds, id_=id_)
        record = self._recorded(fresh, issuer)
        claims = replace(fresh, expires_at=record["expires"])
        for other in self.memberships(member.id):
            if other["id"] != claims.id:
                self.revoke(other["id"])
        return self.sign(claims)

    def placement(self, client: Principal, combiner_id: str, parent: str) -> str:
        """Return the token with which a client works at a combiner, and nowhere else.

        Args:
            client: The client.
            combiner_id: The id of the combiner.
            parent: The id of the client's own token.
        """
        claims = Claims.of(
            client,
            TokenUse.PLACEMENT,
            limits.placement_token_seconds,
            audience=combiner_audience(combiner_id),
            parent=parent,
        )
        return self.sign(claims)

    def memberships(self, member_id: str) -> list[Document]:
        """Return the records of a member's own tokens that are not revoked."""
        where = {"principal.id": member_id, "use": TokenUse.MEMBERSHIP.value}
        found = self.records.find(_COLLECTION, Query(where=where))
        return [each for each in found if not self.revocations.look_up(each["id"])]

    def revoke(self, id_: str) -> None:
        """Refuse a token from now on, and those derived from it; here at once, elsewhere within seconds."""
        record = self.records.documents.get(_COLLECTION, id_)
        self.revocations.add(id_, record["expires"] if record else None)
        self.tell(id_)
        if record:
            self._show_revoked(record)

    def revoke_principal(self, id_: str) -> None:
        """Refuse all tokens of a principal from now on, and for ever."""
        self.revocations.add(id_)
        self.tell(id_)
        for record in self._records_of(id_):
            self._show_revoked(record)

    def revoke_all(self, principal_id: str) -> None:
        """Refuse the recorded tokens of a principal, which may get new ones."""
        for record in self._records_of(principal_id):
            if not self.revocations.look_up(record["id"]):
                self.revoke(record["id"])

    def _records_of(self, principal_id: str) -> list[Document]:
        return self.records.find(_COLLECTION, Query(where={"principal.id": principal_id}))

    def _show_revoked(self, record: Document) -> None:
        """Note the time in the record, for people; the revocation itself counts without it."""
        with contextlib.suppress(NotFound):  # it has ended, and was deleted meanwhile
            self.records.update(
                _COLLECTION,
                record["id"],
                lambda now: {} if now.get("revoked_at") else {"revoked_at": timestamp()},
            )

    def _recorded(self, fresh: Claims, issuer: Principal) -> Document:
        """Return the record of a member's own token, with a later end if less than half of its life is left.

        Raises:
            AlreadyExists: The id belongs to another token.
        """
        known = self.records.documents.get(_COLLECTION, fresh.id)
        if known is None:
            try:
                record = self.records.insert(_COLLECTION, _record_of(fresh, issuer))
            except AlreadyExists:  # the same call came twice
                return self._recorded(fresh, issuer)
            self._forget_expired()
            return record
        if known["principal"]["id"] != fresh.principal.id:
            raise AlreadyExists(
                "The enrolment_id belongs to another token. Choose a new one.", field="enrolment_id"
            )
        if known["expires"] - time.time() > limits.membership_token_seconds / 2:
            return known
        later = {"expires": fresh.expires_at, "expires_at": _iso(fresh.expires_at)}
        return self.records.update(_COLLECTION, fresh.id, lambda _: later)

    def _forget_expired(self) -> None:
        """Delete a few records of tokens that have ended."""
        query = Query(sort="expires", limit=_EXPIRED_AT_ONCE)
        for record in self.records.find(_COLLECTION, query):
            ends = record["expires"]
            if ends is not None and ends + limits.clock_skew_seconds_max < time.time():
                self.records.documents.delete(_COLLECTION, record["id"])


def _record_of(claims: Claims, issuer: Principal) -> dict[str, Any]:
    return {
        "id": claims.id,
        "use": claims.use.value,
        "principal": claims.principal.reference,
        "created_at": timestamp(),
        "expires_at": _iso(claims.expires_at),
        "expires": claims.expires_at,
        "issued_by": issuer.reference,
    }


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
