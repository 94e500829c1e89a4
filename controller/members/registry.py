"""The members of the network: combiners and clients register here and get an identity with a token.

A client's status is `available` once it is registered, `online` while it is connected to its
combiner, and `offline` after that.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.addresses import is_wildcard, join_address, split_address, url_host
from fednet.contract import Principal, Role
from fednet.errors import AlreadyExists, InvalidInput, NotFound
from fednet.identity import TokenUse
from fednet.names import check_name

from ..records import new_id, timestamp
from .addresses import address_of, speaks_tls
from .entry_rules import COLLECTIONS, EntryRules, member_of
from .places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fednet.identity import Claims
    from fednet.storage import Document

    from ..presence import Presence
    from ..records import Records
    from ..tokens.issuing import Tokens

_log = logging.getLogger(__name__)


class Registry:
    """Registers combiners and clients, and keeps the clients' status.

    Args:
        records: The documents of the members.
        presence: The connected combiners and clients.
        tokens: Makes their tokens.
        on_combiner: Called with a combiner's document after each registration.
        public_keys: Returns the keys that verify the network's tokens, in PEM, the newest first.
        shared_folder: Returns what combiners are told of the blob store, if that is a folder.
        on_combiner_removed: Called with a combiner's name once it is removed.
        object_store: The address at which clients reach the network's object store; "" if it has none.

    Attributes:
        presence: The connected combiners and clients.
    """

    def __init__(
        self,
        records: Records,
        presence: Presence,
        tokens: Tokens,
        on_combiner: Callable[[Document], None],
        public_keys: Callable[[], Sequence[str]],
        shared_folder: Callable[[], Mapping[str, str]],
        on_combiner_removed: Callable[[str], None] = lambda _: None,
        object_store: str = "",
    ) -> None:
        self.presence = presence
        self._records = records
        self._tokens = tokens
        self._on_combiner = on_combiner
        self._public_keys = public_keys
        self._shared_folder = shared_folder
        self._on_combiner_removed = on_combiner_removed
        self._object_store = object_store
        self._rules = EntryRules(records, presence)
        self._places = Places(records, presence)
        self._placing = threading.Lock()

    def register_combiner(
        self,
        caller: Claims,
        name: str,
        address: str,
        ip: str | None,
        enrolment_id: str | None = None,
        *,
        tls: bool = False,
    ) -> dict[str, Any]:
        """Give a combiner its identity; one that comes again keeps its id.

        Args:
            caller: The token of an admin, of this combiner itself, or one that was made for it by this name.
            name: Its name, unique in the network.
            address: Where others reach it, as `host:port`.
            ip: Where the call came from.
            enrolment_id: The id that the combiner has chosen for its own token; the same again if it repeats the call.
            tls: Others reach it over TLS.

        Returns:
            id, name, token, public_keys, time (of this controller's clock, in seconds since 1970) and, where the blob
            store is a folder, what `fednet.storage.shared_folder` says of it.

        Raises:
            AlreadyExists: The name belongs to another combiner.
            InvalidInput: The name or the address is none, or nobody reaches a combiner there.
        """
        host, port = split_address(address)
        _check_reachable(host)
        known = self._rules.check_entry(caller, Role.COMBINER, name, enrolment_id)
        self._rules.check_moved(known, join_address(host, port))
        token_id = _token_id(caller, enrolment_id)
        place = {"address": url_host(host), "port": port, "tls": tls}
        reported = {**place, "ip": ip, **_admitted(token_id)}
        combiner = self._write(Role.COMBINER, known, caller, name, reported, enrolment_id)
        member = member_of(Role.COMBINER, combiner)
        token = self._tokens.membership(caller.principal, member, token_id)
        self._on_combiner(combiner)
        return self._combiner_membership(combiner, token)

    def renew_combiner(self, caller: Claims) -> dict[str, Any]:
        """Give a combiner its token anew; the answer is that of `register_combiner`.

        Raises:
            PermissionDenied: The caller is no member of the network.
        """
        combiner = self._rules.own_document(caller, Role.COMBINER)
        token = self._tokens.membership(caller.principal, caller.principal, caller.id)
        return self._combiner_membership(combiner, token)

    def register_client(
        self,
        caller: Claims,
        name: str,
        ip: str | None,
        *,
        needs_package: bool,
        sandbox: str | None = None,
        preferred_combiner: str | None = None,
        enrolment_id: str | None = None,
    ) -> dict[str, Any]:
        """Give a client its identity and its combiner; one that comes again keeps its id.

        Args:
            caller: The token of an admin, of this client itself, or one that was made for it by this name.
            name: Its name, unique in the network.
            ip: Where the call came from.
            needs_package: It runs the network's compute package.
            sandbox: The kind of sandbox in which the package runs; None for a client with its own code.
            preferred_combiner: The combiner to be placed on, if that has room.
            enrolment_id: The id that the client has chosen for its own token; the same again if it repeats the call.

        Returns:
            id, name, token, combiner (its name), address (`host:port`), tls (True if that is reached over TLS),
            placement_token and placement_seconds, the life of that token, public_keys, which verify the warrants of
            tasks, and time, that of this controller's clock in seconds since 1970.

        Raises:
            AlreadyExists: The name belongs to another client, or to one that is connected.
            InvalidInput: The name is none.
            Unavailable: No combiner with room is connected.
        """
        with (
            self._placing
        ):  # in this process; two controllers at once may count the same free place
            known = self._rules.check_entry(caller, Role.CLIENT, name, enrolment_id)
            combiner = self._places.choose(known, preferred_combiner)
            token_id = _token_id(caller, enrolment_id)
            reported = {
                "combiner": combiner["name"],
                "preferred_combiner": preferred_combiner,
                "ip": ip,
                "status": "available",
                "needs_package": needs_package,
                "sandbox": sandbox,
                **_admitted(token_id),
            }
            client = self._write(Role.CLIENT, known, caller, name, reported, enrolment_id)
        return self._client_membership(caller.principal, client, combiner, token_id)

    def renew_client(self, caller: Claims) -> dict[str, Any]:
        """Give a client its tokens anew; it keeps its combiner, unless that is removed.

        Returns:
            What `register_client` returns.

        Raises:
            PermissionDenied: The caller is no member of the network.
            Unavailable: Its combiner was removed, and no other one with room is connected.
        """
        client = self._rules.own_document(caller, Role.CLIENT)
        combiner = self._records.lookup_natural("combiners", client["combiner"])
        if combiner is None:
            with self._placing:
                combiner = self._places.choose(client, client["preferred_combiner"])
                moved = {"combiner": combiner["name"], "status": "available"}
                client = self._records.update("clients", client["id"], lambda _: moved)
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
        if self._records.lookup_natural(COLLECTIONS[role], name):
            raise AlreadyExists(
                f"There is a {role} {name!r} already. Use `fednet token reissue` if its token is lost.",
                field="name",
            )
        member = Principal.of(role, new_id(), name)
        return self._tokens.issue(principal, member, TokenUse.ENROLMENT, seconds)

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
        collection = COLLECTIONS[role]
        document = self._records.lookup_natural(collection, name)
        if document is None:
            raise NotFound(f"There is no {role} {name!r} in the network.", field="name")
        self._tokens.revoke_all(document["id"])
        issued = self._tokens.issue(
            principal, member_of(role, document), TokenUse.ENROLMENT, seconds
        )
        reissued = {"reissued_token": issued[1]["id"]}
        self._records.update(collection, document["id"], lambda _: reissued)
        return issued

    def forget_client(self, principal: Principal, client_id: str) -> None:
        """Remove a client, and end its streams; its own token brings it back no more, only an admin can."""
        _log.info("client %s is removed, by %s", client_id, principal)
        self._tokens.revoke_principal(client_id)
        self._records.documents.delete("clients", client_id)

    def forget_combiner(self, principal: Principal, combiner: Document) -> None:
        """Remove a combiner; its own token brings it back no more, only an admin can."""
        _log.info("combiner %s is removed, by %s", combiner["name"], principal)
        self._tokens.revoke_principal(combiner["id"])
        self._records.documents.delete("combiners", combiner["id"])
        self._on_combiner_removed(combiner["name"])

    def _write(
        self,
        role: Role,
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
        collection = COLLECTIONS[role]
        reported = {**reported, "updated_at": timestamp()}
        if known is None:
            try:
                return self._records.insert(
                    collection, {**_newcomer(caller.principal, name), **reported}
                )
            except AlreadyExists:
                known = self._rules.check_entry(caller, role, name, enrolment_id)
                if known is None:  # the id is another one's, or the other document is gone again
                    raise
        return self._records.update(collection, known["id"], lambda _: reported)

    def _combiner_membership(self, combiner: Document, token: str) -> dict[str, Any]:
        return {
            "id": combiner["id"],
            "name": combiner["name"],
            "token": token,
            "public_keys": list(self._public_keys()),
            "time": time.time(),
            **self._shared_folder(),
        }

    def _client_membership(
        self, issuer: Principal, client: Document, combiner: Document, token_id: str
    ) -> dict[str, Any]:
        member = member_of(Role.CLIENT, client)
        return {
            "id": member.id,
            "name": member.name,
            "token": self._tokens.membership(issuer, member, token_id),
            "combiner": combiner["name"],
            "address": address_of(combiner),
            "tls": speaks_tls(combiner),
            "placement_token": self._tokens.placement(member, combiner["id"], token_id),
            "placement_seconds": limits.placement_token_seconds,
            "object_store": self._object_store,
            "public_keys": list(self._public_keys()),
            "time": time.time(),
        }


def _check_reachable(host: str) -> None:
    """Refuse an address that means all of a machine's addresses: clients would look for the combiner on their own."""
    if is_wildcard(host):
        raise InvalidInput(
            f"Nobody reaches a combiner at {host!r}: set --advertise-host to its name or its address.",
            field="address",
        )


def _token_id(caller: Claims, enrolment_id: str | None) -> str:
    """Return the id of the own token of a member that registers: it keeps the one that it shows."""
    if caller.use is TokenUse.MEMBERSHIP:
        return caller.id
    return enrolment_id or new_id()


def _admitted(token_id: str) -> dict[str, str | None]:
    """Return the fields of a member's document that tell with which token it comes back."""
    return {"token_id": token_id, "reissued_token": None}


def _newcomer(caller: Principal, name: str) -> dict[str, Any]:
    """Return id and name of a new member; a member that brings a token of its own keeps its id."""
    return {"id": new_id() if caller.has(Role.ADMIN) else caller.id, "name": name}
