"""Who belongs to the network: combiners and clients register here and get an identity with a token.

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
from fednet.errors import AlreadyExists, InvalidInput, PermissionDenied, Unavailable
from fednet.identity import Claims, TokenUse, combiner_audience
from fednet.names import check_name
from fednet.storage import Query

from .placement import Candidate, choose_combiner
from .records import new_id, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fednet.identity import Signer
    from fednet.storage import Document

    from .presence import Presence
    from .records import Records

_log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"(?P<host>[^\s/@:]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")
_PLACED = ["available", "online"]
_ROLES = {"clients": Role.CLIENT, "combiners": Role.COMBINER}


@dataclass
class Registry:
    """Registers combiners and clients, and keeps the clients' status.

    Args:
        records: Where they are remembered.
        presence: Who is connected now.
        signer: Makes their tokens.
        on_combiner: Is called with a combiner's document after each registration.
        shared_folder: Returns what combiners are told of the blob store, where it is a folder.
        on_combiner_removed: Is called with a combiner's name once it is none any more.
    """

    records: Records
    presence: Presence
    signer: Signer
    on_combiner: Callable[[Document], None]
    shared_folder: Callable[[], Mapping[str, str]]
    on_combiner_removed: Callable[[str], None] = lambda _: None
    _placing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def register_combiner(
        self, caller: Principal, name: str, address: str, ip: str | None
    ) -> dict[str, Any]:
        """Give a combiner its identity; one that comes again keeps its id.

        Args:
            caller: Who asks: an admin, this combiner itself, or whom a token was made for by this
                name.
            name: Its name, unique in the network.
            address: Where others reach it, as `host:port`.
            ip: Where the call came from.

        Returns:
            id, name, token, public_key and, where the blob store is a folder, what
            `fednet.storage.shared_folder` says of it.

        Raises:
            AlreadyExists: The name belongs to another combiner.
            InvalidInput: The name or the address is none.
        """
        host, port = _split_address(address)
        known = self._admit(caller, Role.COMBINER, "combiners", name)
        self._check_moved(known, f"{host}:{port}")
        reported = {"address": host, "port": port, "ip": ip}
        combiner = self._write("combiners", known, caller, name, reported)
        self.on_combiner(combiner)
        return {
            **self._credentials(combiner, Role.COMBINER),
            "public_key": self.signer.public_key,
            **self.shared_folder(),
        }

    def register_client(
        self,
        caller: Principal,
        name: str,
        ip: str | None,
        *,
        needs_package: bool,
        preferred_combiner: str | None = None,
    ) -> dict[str, Any]:
        """Give a client its identity and its combiner; one that comes again keeps its id.

        Args:
            caller: Who asks: an admin, this client itself, or whom a token was made for by this
                name.
            name: Its name, unique in the network.
            ip: Where the call came from.
            needs_package: It runs the network's compute package.
            preferred_combiner: The combiner to be placed on, if that has room.

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
            known = self._admit(caller, Role.CLIENT, "clients", name)
            combiner = self._place(known, preferred_combiner)
            reported = {
                "combiner": combiner["name"],
                "preferred_combiner": preferred_combiner,
                "ip": ip,
                "status": "available",
                "needs_package": needs_package,
            }
            client = self._write("clients", known, caller, name, reported)
        return {
            **self._credentials(client, Role.CLIENT),
            "combiner": combiner["name"],
            "address": address_of(combiner),
            "placement_token": self._placement_token(client, combiner),
            "public_keys": [self.signer.public_key],
            "placement_seconds": limits.placement_token_seconds,
        }

    def forget_client(self, principal: Principal, client_id: str) -> None:
        """Remove a client; its own token brings it back no more, only an admin can."""
        _log.info("client %s is removed, by %s", client_id, principal)
        self.records.documents.insert_missing("revocations", [{"id": client_id}])
        self.records.documents.delete("clients", client_id)

    def forget_combiner(self, principal: Principal, combiner: Document) -> None:
        """Remove a combiner; its own token brings it back no more, only an admin can."""
        _log.info("combiner %s is removed, by %s", combiner["name"], principal)
        self.records.documents.insert_missing("revocations", [{"id": combiner["id"]}])
        self.records.documents.delete("combiners", combiner["id"])
        self.on_combiner_removed(combiner["name"])

    def _admit(self, caller: Principal, role: Role, collection: str, name: str) -> Document | None:
        """Check that the caller may register this name; the document that the name has already."""
        check_name(name)
        known = self.records.lookup_natural(collection, name)
        if known is None:
            _check_may_create(caller, role, name)
            self._check_not_revoked(caller)
        else:
            self._check_may_return(caller, Principal.of(role, known["id"], name))
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
        """The connected combiners, with the clients placed on each except the newcomer itself."""
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
        caller: Principal,
        name: str,
        reported: dict[str, Any],
    ) -> Document:
        """Write a member's document; where another controller has just registered the name, change that one.

        Raises:
            AlreadyExists: The name belongs to somebody else by now.
        """
        reported = {**reported, "updated_at": timestamp()}
        if known is None:
            try:
                return self.records.insert(collection, {**_newcomer(caller, name), **reported})
            except AlreadyExists:
                known = self._admit(caller, _ROLES[collection], collection, name)
                if known is None:  # the id is another one's, or the other document is gone again
                    raise
        return self.records.update(collection, known["id"], lambda _: reported)

    def _check_may_return(self, caller: Principal, known: Principal) -> None:
        is_itself = (caller.kind, caller.id) == (known.kind, known.id)
        is_connected = self.presence.combiner_of(known.id) is not None
        if not (is_itself or (caller.has(Role.ADMIN) and not is_connected)):
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

    def _placement_token(self, client: Document, combiner: Document) -> str:
        """Return the token with which a client works at a combiner, and nowhere else."""
        claims = Claims.of(
            Principal.of(Role.CLIENT, client["id"], client["name"]),
            TokenUse.PLACEMENT,
            limits.placement_token_seconds,
            audience=combiner_audience(combiner["id"]),
        )
        return self.signer.sign_claims(claims)

    def _credentials(self, document: Document, role: Role) -> dict[str, Any]:
        member = Principal.of(role, document["id"], document["name"])
        return {"id": member.id, "name": member.name, "token": self.signer.sign(member)}


def address_of(combiner: Document) -> str:
    """Where a combiner is reached, as `host:port`."""
    return f"{combiner['address']}:{combiner['port']}"


def _check_may_create(caller: Principal, role: Role, name: str) -> None:
    """A new name is registered by an admin, or with a token that was made for that very name."""
    if not caller.has(Role.ADMIN) and (caller.kind, caller.name) != (role.kind, name):
        raise PermissionDenied(
            "A new name is registered with an admin's token, or with one made for it by `fednet "
            f"token create`; this one is for {caller}.",
            field="name",
        )


def _newcomer(caller: Principal, name: str) -> dict[str, Any]:
    """Id and name of one that is new; whoever brings a token of their own keeps its id."""
    return {"id": new_id() if caller.has(Role.ADMIN) else caller.id, "name": name}


def _split_address(address: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 2**16:
        raise InvalidInput(
            f"The address {address!r} must be host:port, such as 10.0.0.7:12080.", field="address"
        )
    return match["host"], int(match["port"])
