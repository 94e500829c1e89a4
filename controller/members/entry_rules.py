"""The rules of entry: who may register a name, come back under it, or renew a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fednet import limits
from fednet.contract import Principal, Role
from fednet.errors import AlreadyExists, PermissionDenied
from fednet.identity import TokenUse
from fednet.names import check_name

from .addresses import address_of

if TYPE_CHECKING:
    from fednet.identity import Claims
    from fednet.storage import Document

    from ..presence import Presence
    from ..records import Records

COLLECTIONS = {Role.CLIENT: "clients", Role.COMBINER: "combiners"}


@dataclass(frozen=True)
class EntryRules:
    """The rules of entry.

    Args:
        records: The documents of members and of revocations.
        presence: The connected combiners and clients.
    """

    records: Records
    presence: Presence

    def check_entry(
        self, caller: Claims, role: Role, name: str, enrolment_id: str | None
    ) -> Document | None:
        """Return the document that a name has already, if the caller may register the name.

        Raises:
            AlreadyExists: The name belongs to somebody else.
            InvalidInput: It cannot be a name.
            PermissionDenied: The caller's token does not allow it.
        """
        check_name(name)
        known = self.records.lookup_natural(COLLECTIONS[role], name)
        if known is None:
            _check_may_create(caller.principal, role, name)
            self._check_not_revoked(caller.principal)
        else:
            self._check_may_return(caller, role, known, enrolment_id)
        return known

    def check_moved(self, known: Document | None, address: str) -> None:
        """Refuse a connected combiner's name at another address; one that has just died is given a moment.

        Raises:
            AlreadyExists: The combiner is connected.
        """
        if known is None or address_of(known) == address:
            return
        if not self.presence.wait_until_gone(known["name"], limits.joining_seconds_max):
            raise AlreadyExists(
                f"The combiner {known['name']!r} is connected at {address_of(known)}. Stop it first, or choose another "
                "name.",
                field="name",
            )

    def own_document(self, caller: Claims, role: Role) -> Document:
        """Return the document of a member that shows its own token.

        Raises:
            PermissionDenied: The caller is no such member.
        """
        document = self.records.documents.get(COLLECTIONS[role], caller.principal.id)
        is_member = caller.use is TokenUse.MEMBERSHIP and caller.principal.has(role)
        if document is None or not is_member:
            raise PermissionDenied(
                f"Only a registered {role} renews its token, and shows it. Register first.",
                field="token",
            )
        return document

    def _check_not_revoked(self, caller: Principal) -> None:
        if self.records.documents.get("revocations", caller.id):
            raise PermissionDenied(
                f"{str(caller).capitalize()} was removed from the network. Ask an admin to "
                "register it again.",
                field="name",
            )

    def _check_may_return(
        self, caller: Claims, role: Role, document: Document, enrolment_id: str | None
    ) -> None:
        """Check that a name that is taken is the caller's own, or that of one who is away and an admin lets in."""
        asks, known = caller.principal, member_of(role, document)
        if (asks.kind, asks.id) == (known.kind, known.id):
            if caller.use is not TokenUse.MEMBERSHIP:
                _check_unspent(caller, document, enrolment_id)
        elif not asks.has(Role.ADMIN) or self.presence.combiner_of(known.id) is not None:
            raise AlreadyExists(
                f"The name {known.name!r} is taken by another {known.kind}. Choose another name.",
                field="name",
            )


def member_of(role: Role, document: Document) -> Principal:
    """Return the principal of a member's document."""
    return Principal.of(role, document["id"], document["name"])


def _check_may_create(caller: Principal, role: Role, name: str) -> None:
    """Refuse a new name unless an admin registers it, or its token was made for that very name."""
    if not caller.has(Role.ADMIN) and (caller.kind, caller.name) != (role.kind, name):
        raise PermissionDenied(
            "A new name is registered with an admin's token, or with one made for it by `fednet "
            f"token create`; this one is for {caller}.",
            field="name",
        )


def _check_unspent(caller: Claims, member: Document, enrolment_id: str | None) -> None:
    """Refuse a token that has admitted its owner already: from then on the owner has a token of its own.

    A registration whose answer was lost is repeated with the same enrolment_id, and a lost token is replaced.

    Raises:
        PermissionDenied: The token is spent.
    """
    is_new = member.get("token_id") in {None, enrolment_id}
    if not is_new and member.get("reissued_token") != caller.id:
        principal = caller.principal
        raise PermissionDenied(
            f"The token has admitted {principal} already. Use the token that was given then, or ask an admin for "
            f"another: `fednet token reissue --{principal.kind} {principal.name}`.",
            field="token",
        )
