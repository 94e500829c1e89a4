"""The members of the network: combiners and clients register here and get an identity with a token.

A client's status is `available` once it is registered, `online` while it is connected to its
combiner, and `offline` after that.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.contract import Principal, Role
from fednet.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, Unavailable
from fednet.identity import TokenUse
from fednet.names import check_name
from fednet.storage import Query

from .placement import Candidate, choose_combiner
from .records import new_id, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fednet.identity import Claims
    from fednet.storage import Document

    from .presence import Presence
    from .records import Records
    from .tokens.issuing import Tokens

_log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"(?P<host>[^\s/@:]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
_PLACED = ["available", "online"]
_COLLECTIONS = {Role.CLIENT: "clients", Role.COMBINER: "combiners"}
_ROLES = {collection: role for role, collection in _COLLECTIONS.items()}


@dataclass
class Registry:
    """Registers combiners and clients, and keeps the clients' status.

    Args:
        records: Where they are remembered.
        presence: Who is connected now.
        tokens: Makes their tokens.
        public_keys: Returns the keys that verify the network's tokens, in PEM, the newest first.
        on_combiner: Is called with a combiner's document after each registration.
        shared_folder: Returns what combiners are told of the blob store, where it is a folder.
        on_combiner_removed: Is called with a combiner's name once it is none any more.
    """

    records: Records
    presence: Presence
    tokens: Tokens
    on_combiner: Callable[[Document], None]
    public_keys: Callable[[], Sequence[str]]
    shared_folder: Callable[[], Mapping[str, str]]
    on_combiner_removed: Callable[[str], None] = lambda _: None
    _placing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def register_combiner(
        self,
        caller: Claims,
        name: str,
        address: str,
        ip: str | None,
        enrolment_id: str | None = None,
    ) -> dict[str, Any]:
        """Give a combiner its identity; one that comes again keeps its id.

        Args:
            caller: The token of an admin, of this combiner itself, or one that was made for it by this name.
            name: Its name, unique in the network.
            address: Where others reach it, as `host:port`.
            ip: Where the call came from.
            enrolment_id: The id that the combiner has chosen for its own token; the same again if it repeats the call.

        Returns:
            id, name, token, public_keys and, where the blob store is a folder, what
            `fednet.storage.shared_folder` says of it.

        Raises:
            AlreadyExists: The name belongs to another combiner.
            InvalidInput: The name or the address is none.
        """
        host, port = _split_address(address)
        known = self._admit(caller, Role.COMBINER, "combiners", name, enrolment_id)
        self._check_moved(known, f"{host}:{port}")
        token_id = _token_id(caller, enrolment_id)
        reported = {"address": host, "port": port, "ip": ip, **_admitted(token_id)}
        combiner = self._write("combiners", known, caller, name, reported, enrolment_id)
        member = _member(Role.COMBINER, combiner)
        token = self.tokens.membership(caller.principal, member, token_id)
        self.on_combiner(combiner)
        return self._combiner_membership(combiner, token)

    def renew_combiner(self, caller: Claims) -> dict[str, Any]:
        """Give a combiner its token anew; the answer is that of `register_combiner`.

        Raises:
            PermissionDenied: The caller is no member of the network.
        """
        combiner = self._member_document(caller, Role.COMBINER, "combiners")
        token = self.tokens.membership(caller.principal, caller.principal, caller.id)
        return self._combiner_membership(combiner, token)

    def register_client(
        self,
        caller: Claims,
        name: str,
        ip: str | None,
        *,
        needs_package: bool,
        preferred_combiner: str | None = None,
        enrolment_id: str | None = None,
    ) -> dict[str, Any]:
        """Give a client its identity and its combiner; one that comes again keeps its id.

        Args:
            caller: The token of an admin, of this client itself, or one that was made for it by this name.
            name: Its name, unique in the network.
            ip: Where the call came from.
            needs_package: It runs the network's compute package.
            preferred_combiner: The combiner to be placed on, if that has room.
            enrolment_id: The id that the client has chosen for its own token; the same again if it repeats the call.

        Returns:
            id, name, token, combiner (its name), address (`host:port`), placement_token and
            placement_seconds, the life of that token, and public_keys, which verify the warrants of tasks.

        Raises:
            AlreadyExists: The name belongs to another client, or to one that is connected.
            InvalidInput: The name is none.
            Unavailable: No combiner with room is connected.
        """
        with (
            self._placing
        ):  # in this process; two controllers at once may count the same free place
            known = self._admit(caller, Role.CLIENT, "clients", name, enrolment_id)
            combiner, token_id = (
                self._place(known, preferred_combiner),
                _token_id(caller, enrolment_id),
            )
            reported = {
                "combiner": combiner["name"],
                "preferred_combiner": preferred_combiner,
                "ip": ip,
                "status": "available",
                "needs_package": needs_package,
                **_admitted(token_id),
            }
            client = self._write("clients", known, caller, name, reported, enrolment_id)
        return self._client_membership(caller.principal, client, combiner, token_id)

    def renew_client(self, caller: Claims) -> dict[str, Any]:
        """Give a client its tokens anew; it keeps its combiner, unless that is removed.

        Returns:
            What `register_client` returns.

        Raises:
            PermissionDenied: The caller is no member of the network.
            Unavailable: Its combiner was removed, and no other one with room is connected.
        """
        client = self._member_document(caller, Role.CLIENT, "clients")
        combiner = self.records.lookup_natural("combiners", client["combiner"])
        if combiner is None:
            with self._placing:
                combiner = self._place(client, client["preferred_combiner"])
                moved = {"combiner": combiner["name"], "status": "available"}
                client = self.records.update("clients", client["id"], lambda _: moved)
        return self._client_membership(caller.principal, client, combiner, caller.id)

    def invite(
        self, principal: Principal, role: Role, name: str, seconds: float
    ) -> tuple[str, Document]:
        """Return a token with which a new member of this name joins, once, and its record.

        Args:
            principal: Who asks.
            role: Client or combiner.
            name: The name of the new member.
            seconds: The life of the token.

        Raises:
            AlreadyExists: The name is taken.
            InvalidInput: It is no name.
        """
        check_name(name)
        if self.records.lookup_natural(_COLLECTIONS[role], name):
            raise AlreadyExists(
                f"There is a {role} {name!r} already. Use `fednet token reissue` if its token is lost.",
                field="name",
            )
        member = Principal.of(role, new_id(), name)
        return self.tokens.issue(principal, member, TokenUse.ENROLMENT, seconds)

    def reissue(
        self, principal: Principal, role: Role, name: str, seconds: float
    ) -> tuple[str, Document]:
        """Return a token with which a known member comes back as itself, once, and its record; revoke its older ones.

        Args:
            principal: Who asks.
            role: Client or combiner.
            name: The name of the member.
            seconds: The life of the token.

        Raises:
            NotFound: There is no such member.
        """
        collection = _COLLECTIONS[role]
        document = self.records.lookup_natural(collection, name)
        if document is None:
            raise NotFound(f"There is no {role} {name!r} in the network.", field="name")
        self.tokens.revoke_all(document["id"])
        issued = self.tokens.issue(principal, _member(role, document), TokenUse.ENROLMENT, seconds)
        reissued = {"reissued_token": issued[1]["id"]}
        self.records.update(collection, document["id"], lambda _: reissued)
        return issued

    def forget_client(self, principal: Principal, client_id: str) -> None:
        """Remove a client, and end its streams; its own token brings it back no more, only an admin can."""
        _log.info("client %s is removed, by %s", client_id, principal)
        self.tokens.revoke_principal(client_id)
        self.records.documents.delete("clients", client_id)

    def forget_combiner(self, principal: Principal, combiner: Document) -> None:
        """Remove a combiner; its own token brings it back no more, only an admin can."""
        _log.info("combiner %s is removed, by %s", combiner["name"], principal)
        self.tokens.revoke_principal(combiner["id"])
        self.records.documents.delete("combiners", combiner["id"])
        self.on_combiner_removed(combiner["name"])

    def _admit(
        self, caller: Claims, role: Role, collection: str, name: str, enrolment_id: str | None
    ) -> Document | None:
        """Check that the caller may register this name; the document that the name has already."""
        check_name(name)
        known = self.records.lookup_natural(collection, name)
        if known is None:
            _check_may_create(caller.principal, role, name)
            self._check_not_revoked(caller.principal)
        else:
            self._check_may_return(caller, role, known, enrolment_id)
        return known

    def _check_not_revoked(self, caller: Principal) -> None:
        if self.records.documents.get("revocations", caller.id):
            raise PermissionDenied(
                f"{str(caller).capitalize()} was removed from the network. Ask an admin to "
                "register it again.",
                field="name",
            )

    def _place(self, client: Document | None, preferred: str | None) -> Document:
        chosen = choose_combiner(self._candidates(client), preferred)
        if chosen is None:
            raise Unavailable("No combiner with room is connected. Start one, then try again.")
        return self.records.get("combiners", chosen)

    def _candidates(self, newcomer: Document | None) -> list[Candidate]:
        """Return the connected combiners, with the clients placed on each except the newcomer itself."""
        return [
            Candidate(name, self._placed_on(name, newcomer), limits.combiner_clients_max)
            for name in self.presence.connected()
        ]

    def _placed_on(self, combiner: str, newcomer: Document | None) -> int:
        where = {"combiner": combiner, "status": _PLACED}
        placed = self.records.count("clients", Query(where=where))
        is_among = newcomer is not None and (
            newcomer["combiner"] == combiner and newcomer["status"] in _PLACED
        )
        return placed - is_among

    def _write(
        self,
        collection: str,
        known: Document | None,
        caller: Claims,
        name: str,
        reported: dict[str, Any],
        enrolment_id: str | None,
    ) -> Document:
        """Write a member's document; where another controller has just registered the name, change that one.

        Raises:
            AlreadyExists: The name belongs to somebody else by now.
        """
        reported = {**reported, "updated_at": timestamp()}
        if known is None:
            try:
                return self.records.insert(
                    collection, {**_newcomer(caller.principal, name), **reported}
                )
            except AlreadyExists:
                known = self._admit(caller, _ROLES[collection], collection, name, enrolment_id)
                if known is None:  # the id is another one's, or the other document is gone again
                    raise
        return self.records.update(collection, known["id"], lambda _: reported)

    def _check_may_return(
        self, caller: Claims, role: Role, document: Document, enrolment_id: str | None
    ) -> None:
        """Check that a name that is taken is the caller's own, or that of one who is away and an admin lets in."""
        asks, known = caller.principal, _member(role, document)
        if (asks.kind, asks.id) == (known.kind, known.id):
            if caller.use is not TokenUse.MEMBERSHIP:
                _check_unspent(caller, document, enrolment_id)
        elif not asks.has(Role.ADMIN) or self.presence.combiner_of(known.id) is not None:
            raise AlreadyExists(
                f"The name {known.name!r} is taken by another {known.kind}. Choose another name.",
                field="name",
            )

    def _check_moved(self, known: Document | None, address: str) -> None:
        """Refuse a connected combiner's name at another address; one that has just died is given a moment."""
        if known is None or address_of(known) == address:
            return
        if not self.presence.wait_until_gone(known["name"], limits.joining_seconds_max):
            raise AlreadyExists(
                f"The combiner {known['name']!r} is connected at {address_of(known)}. Stop it first, or choose another "
                "name.",
                field="name",
            )

    def _member_document(self, caller: Claims, role: Role, collection: str) -> Document:
        """Return the document of a member that shows its own token."""
        document = self.records.documents.get(collection, caller.principal.id)
        is_member = caller.use is TokenUse.MEMBERSHIP and caller.principal.has(role)
        if document is None or not is_member:
            raise PermissionDenied(
                f"Only a registered {role} renews its token, and shows it. Register first.",
                field="token",
            )
        return document

    def _combiner_membership(self, combiner: Document, token: str) -> dict[str, Any]:
        return {
            "id": combiner["id"],
            "name": combiner["name"],
            "token": token,
            "public_keys": list(self.public_keys()),
            **self.shared_folder(),
        }

    def _client_membership(
        self, issuer: Principal, client: Document, combiner: Document, token_id: str
    ) -> dict[str, Any]:
        member = _member(Role.CLIENT, client)
        return {
            "id": member.id,
            "name": member.name,
            "token": self.tokens.membership(issuer, member, token_id),
            "combiner": combiner["name"],
            "address": address_of(combiner),
            "placement_token": self.tokens.placement(member, combiner["id"], token_id),
            "placement_seconds": limits.placement_token_seconds,
            "public_keys": list(self.public_keys()),
        }


def address_of(combiner: Document) -> str:
    """Return a combiner's address, `host:port`."""
    return f"{combiner['address']}:{combiner['port']}"


def _check_may_create(caller: Principal, role: Role, name: str) -> None:
    """Refuse a new name unless an admin registers it, or its token was made for that very name."""
    if not caller.has(Role.ADMIN) and (caller.kind, caller.name) != (role.kind, name):
        raise PermissionDenied(
            "A new name is registered with an admin's token, or with one made for it by `fednet "
            f"token create`; this one is for {caller}.",
            field="name",
        )


def _token_id(caller: Claims, enrolment_id: str | None) -> str:
    """Return the id of the own token of a member that registers: it keeps the one that it shows."""
    if caller.use is TokenUse.MEMBERSHIP:
        return caller.id
    return enrolment_id or new_id()


def _admitted(token_id: str) -> dict[str, str | None]:
    """Return the fields of a member's document that tell with which token it comes back."""
    return {"token_id": token_id, "reissued_token": None}


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


def _member(role: Role, document: Document) -> Principal:
    return Principal.of(role, document["id"], document["name"])


def _newcomer(caller: Principal, name: str) -> dict[str, Any]:
    """Return id and name of a new member; a member that brings a token of its own keeps its id."""
    return {"id": new_id() if caller.has(Role.ADMIN) else caller.id, "name": name}


def _split_address(address: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 2**16:
        raise InvalidInput(
            f"The address {address!r} must be host:port, such as 10.0.0.7:12080.", field="address"
        )
    return match["host"], int(match["port"])
