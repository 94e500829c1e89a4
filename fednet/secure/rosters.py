"""Rosters: the signed public keys of a round's parties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fednet.secure.forms import KEY_BYTES, Form, Key, Keys, Name, Signature, read_all
from fednet.secure.identities import Identity, has_signed
from fednet.secure.keys import digest_of_parts, is_usable, joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fednet.secure.rounds import RoundContext


class KeysAnswer(Form):
    """A client's public keys of a round, signed by its identity.

    Attributes:
        identity: The Ed25519 public key.
        keys: The X25519 public keys of the round.
        signature: The identity's signature of the client's id, the keys and the round.
    """

    identity: Key
    keys: Keys
    signature: Signature

    @classmethod
    def signed(
        cls, context: RoundContext, client_id: str, identity: Identity, keys: bytes
    ) -> KeysAnswer:
        """Sign the keys of a round."""
        statement = _statement(context, client_id, identity.public, keys)
        return cls(identity=identity.public, keys=keys, signature=identity.sign(statement))

    def is_of(self, context: RoundContext, client_id: str) -> bool:
        """Return True if the identity has signed these keys for this client and round."""
        statement = _statement(context, client_id, self.identity, self.keys)
        return has_signed(self.identity, statement, self.signature)


class Card(KeysAnswer):
    """The keys of one client, as the others get them.

    Attributes:
        client: The client.
    """

    client: Name


def _statement(context: RoundContext, client_id: str, identity: bytes, keys: bytes) -> bytes:
    protocol = context.terms.protocol
    return joined("fednet/secure/keys", context.digest, protocol, client_id, identity, keys)


def read_cards(
    context: RoundContext,
    clients: Iterable[str],
    answers: Mapping[str, Mapping[str, Any]],
    keys_bytes: int,
) -> tuple[dict[str, Card], dict[str, str]]:
    """Read the answers to "keys".

    Args:
        context: The round.
        clients: The clients that may be in the roster.
        answers: Their answers.
        keys_bytes: The size of their keys.

    Returns:
        The cards, in the order of the clients, and the problems of those whose answer is bad.
    """
    cards: dict[str, Card] = {}
    found, problems = read_all(
        KeysAnswer, [(client, answers[client]) for client in clients if client in answers]
    )
    for client, keys in found.items():
        if problem := _problem_of(keys, context, client, keys_bytes):
            problems[client] = problem
        else:
            cards[client] = Card(client=client, **keys.model_dump())
    return cards, problems


def _problem_of(keys: KeysAnswer, context: RoundContext, client: str, keys_bytes: int) -> str:
    if len(keys.keys) != keys_bytes or not keys.is_of(context, client):
        return "Its keys for the round are not signed by its identity."
    each = [keys.keys[start : start + KEY_BYTES] for start in range(0, keys_bytes, KEY_BYTES)]
    return "" if all(map(is_usable, each)) else "One of its keys is a point of small order."


def roster_digest(context: RoundContext, cards: Iterable[Card]) -> bytes:
    """Return the 32 bytes that stand for these clients with these keys, in this order."""
    parts = [part for card in cards for part in (card.client, card.identity, card.keys)]
    return digest_of_parts("fednet/secure/roster", context.digest, *parts)
