"""A round as one of its clients sees it: its secrets, its promises and the identities that it trusts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from fednet.errors import Conflict, PermissionDenied
from fednet.secure.keys import Part, derived

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fednet.secure.identities import Identity
    from fednet.secure.rosters import Card
    from fednet.secure.rounds import RoundContext


class VaultPort(Protocol):
    """The memory of a client: its secrets, the identities that it knows, and its promises in each round."""

    def secret(self, round_digest: str) -> bytes:
        """Return the 32 random bytes of a round, the same each time, also after a restart.

        Once they are forgotten, so are the promises of the round.
        """
        ...

    def bind(self, round_digest: str, what: str, digest: str) -> None:
        """Promise a digest for a purpose in a round; the promise is on disk before this returns.

        Raises:
            Conflict: Another digest was promised.
        """
        ...

    def admit(self, keys: Mapping[str, bytes]) -> dict[str, str]:
        """Trust the Ed25519 public keys of clients from now on, if no other key of theirs is known.

        Returns:
            The reason for each client that is not trusted: it has another key, or only pinned clients are trusted.
        """
        ...


class OwnRound:
    """One client's view of a round.

    Args:
        client_id: The client.
        identity: Its identity.
        vault: Its memory.
        context: The round.
    """

    def __init__(
        self, client_id: str, identity: Identity, vault: VaultPort, context: RoundContext
    ) -> None:
        self.client_id = client_id
        self.identity = identity
        self.context = context
        self._vault = vault

    def secret(self, *purpose: Part) -> bytes:
        """Return 32 bytes that nobody else knows, for one purpose in this round; the same each time."""
        return derived(self._root, *purpose)

    @cached_property
    def _root(self) -> bytes:
        secret = self._vault.secret(self.context.digest.hex())
        return derived(secret, "fednet/secure/round", self.context.digest)

    def promise(self, what: str, digest: bytes) -> None:
        """Promise to do this, and nothing else of the kind, in this round.

        Raises:
            PermissionDenied: Something else was promised.
        """
        try:
            self._vault.bind(self.context.digest.hex(), what, digest.hex())
        except Conflict as error:
            raise PermissionDenied(
                f"This client was asked before for another {what} in this round, and answers for one only. "
                "Begin the round again."
            ) from error

    def strangers_among(self, cards: Sequence[Card], keys_bytes: int) -> dict[str, str]:
        """Check that identities have signed these keys; return the reason for each client that is not trusted.

        Raises:
            PermissionDenied: A card is not signed by its identity.
        """
        for card in cards:
            if len(card.keys) != keys_bytes or not card.is_of(self.context, card.client):
                raise PermissionDenied(
                    f"The keys of the client {card.client} are not signed by its identity."
                )
        return self.strangers({card.client: card.identity for card in cards})

    def strangers(self, identities: Mapping[str, bytes]) -> dict[str, str]:
        """Trust identities; return the reason for each client that is not trusted.

        Raises:
            PermissionDenied: This client's own identity was exchanged.
        """
        if identities.get(self.client_id, self.identity.public) != self.identity.public:
            raise PermissionDenied("The identity of this client itself was exchanged.")
        return self._vault.admit(
            {name: key for name, key in identities.items() if name != self.client_id}
        )


def refuse_strangers(strangers: Mapping[str, str]) -> None:
    """Raise PermissionDenied for clients that are not trusted, with the reason of the first."""
    for client, reason in strangers.items():
        raise PermissionDenied(f"The client {client} is not trusted: {reason}")
