"""Threshold PET at a client: it deals seeds and masks its update; as a sum participant it adds masks up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fednet.errors import InvalidInput, PermissionDenied
from fednet.secure.forms import KEY_BYTES, SignatureAnswer
from fednet.secure.identities import has_signed
from fednet.secure.keys import agreed_key, derived, joined, private_key, public_bytes
from fednet.secure.masks import MaskKey
from fednet.secure.own_rounds import OwnRound, refuse_strangers
from fednet.secure.pet_forms import (
    CheckAnswer,
    CheckMessage,
    ConfirmMessage,
    Dealing,
    DistrustAnswer,
    MasksMessage,
    RosterMessage,
    commitment,
    dealing_statement,
    survivors_digest,
)
from fednet.secure.replicated import held_by, subsets
from fednet.secure.rosters import Card, KeysAnswer, roster_digest
from fednet.secure.sealing import seal, unseal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey


@dataclass(frozen=True)
class _Roster:
    """The checked sum participants of a round, and the digest that stands for them."""

    cards: list[Card]
    digest: bytes

    @property
    def members(self) -> list[str]:
        return [card.client for card in self.cards]


class PetParticipant:
    """One client's part in one round.

    Args:
        own: The round, as this client sees it.
    """

    def __init__(self, own: OwnRound) -> None:
        self._own = own
        self._context = own.context
        self._terms = own.context.terms

    def answer(self, step: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to the message of an exchange; see `Participant.answer`."""
        match step:
            case "keys":
                return self._keys().values()
            case "seeds":
                return self._seeds(RosterMessage.read(message)).values()
            case "check":
                return self._check(CheckMessage.read(message)).values()
            case "confirm":
                return self._confirm(ConfirmMessage.read(message)).values()
        raise InvalidInput(f"The protocol pet has no exchange {step!r}.", field="step")

    def masks_of_update(self, message: Mapping[str, Any]) -> list[MaskKey]:
        """Return one mask for each subset of the sum participants; see `Participant.masks_of_update`."""
        roster = self._checked(RosterMessage.read(message))
        return [
            self._mask(roster, self._own.client_id, number, self._seed(roster, number))
            for number in range(self._subsets)
        ]

    def masks_of_sum(self, message: Mapping[str, Any]) -> list[MaskKey]:
        """Return the masks of the asked subsets of each survivor; see `Participant.masks_of_sum`."""
        order = MasksMessage.read(message)
        roster = self._checked(order)
        self._check_survivors(roster, order)
        self._check_quorum(roster, order)
        self._check_subsets(roster, order.subsets)
        if sorted(order.dealings) != order.survivors:
            raise PermissionDenied("The seeds are not those of the survivors.")
        refuse_strangers(self._strangers(order.dealings))
        keys = []
        for client, dealing in order.dealings.items():
            seeds = self._opened(roster, client, dealing)
            keys += [self._mask(roster, client, number, seeds[number]) for number in order.subsets]
        return keys

    # The exchanges

    def _keys(self) -> KeysAnswer:
        own = self._own
        keys = public_bytes(self._sum_key)
        return KeysAnswer.signed(self._context, own.client_id, own.identity, keys)

    def _seeds(self, message: RosterMessage) -> Dealing | DistrustAnswer:
        if strangers := self._strangers_in(message):
            return DistrustAnswer(strangers=sorted(strangers))
        return self._dealing(self._checked(message))

    def _dealing(self, roster: _Roster) -> Dealing:
        own = self._own
        private = private_key(own.secret("pet/dealing", roster.digest))
        seeds = [self._seed(roster, number) for number in range(self._subsets)]
        unsigned = Dealing(
            identity=own.identity.public,
            key=public_bytes(private),
            commitments=[
                commitment(self._context, roster.digest, own.client_id, number, seed)
                for number, seed in enumerate(seeds)
            ],
            sealed=[
                self._sealed(roster, member, private, seeds) for member in range(len(roster.cards))
            ],
            signature=bytes(64),
        )
        statement = dealing_statement(self._context, roster.digest, own.client_id, unsigned)
        return unsigned.model_copy(update={"signature": own.identity.sign(statement)})

    def _sealed(
        self, roster: _Roster, member: int, private: X25519PrivateKey, seeds: list[bytes]
    ) -> bytes:
        card = roster.cards[member]
        purpose = self._seal_purpose(roster, self._own.client_id, card.client)
        key = agreed_key(private, card.keys, purpose)
        return seal(key, b"".join(seeds[number] for number in self._held_by(member)), purpose)

    def _check(self, message: CheckMessage) -> CheckAnswer:
        roster = self._checked(message)
        strangers = self._strangers(message.dealings)
        bad = [
            client
            for client, dealing in message.dealings.items()
            if client not in strangers and not self._opens(roster, client, dealing)
        ]
        return CheckAnswer(bad=sorted(bad), strangers=sorted(strangers))

    def _opens(self, roster: _Roster, client: str, dealing: Dealing) -> bool:
        try:
            self._opened(roster, client, dealing)
        except (InvalidInput, PermissionDenied):
            return False
        return True

    def _confirm(self, message: ConfirmMessage) -> SignatureAnswer:
        roster = self._checked(message)
        self._own_place(roster)
        digest = self._check_survivors(roster, message)
        return SignatureAnswer(signature=self._own.identity.sign(digest))

    # The checks

    def _checked(self, message: RosterMessage) -> _Roster:
        """Return the roster of a message, if it is one of known clients, and the only one of this round."""
        refuse_strangers(self._strangers_in(message))
        cards = message.roster
        roster = _Roster(cards, roster_digest(self._context, cards))
        if self._own.client_id in roster.members:
            self._own_place(roster)
        self._own.promise("roster", roster.digest)
        return roster

    def _strangers_in(self, message: RosterMessage) -> dict[str, str]:
        """Return the sum participants that this client does not trust; they are as many as the terms say."""
        members = {card.client for card in message.roster}
        if not len(members) == len(message.roster) == self._terms.sum_participants:
            raise PermissionDenied(
                f"The round has {len(members)} sum participants, and its terms ask for "
                f"{self._terms.sum_participants}."
            )
        return self._own.strangers_among(message.roster, KEY_BYTES)

    def _own_place(self, roster: _Roster) -> int:
        """Return this sum participant's place in the roster."""
        if self._own.client_id not in roster.members:
            raise PermissionDenied("This client is no sum participant of the round.")
        place = roster.members.index(self._own.client_id)
        if roster.cards[place].keys != public_bytes(self._sum_key):
            raise PermissionDenied("The keys of this client itself were exchanged.")
        return place

    def _check_survivors(self, roster: _Roster, message: ConfirmMessage) -> bytes:
        """Promise the set of survivors, if it is large enough; return its digest."""
        survivors = message.survivors
        if survivors != sorted(set(survivors)):
            raise PermissionDenied("The survivors are not in order, or one is named twice.")
        if not self._terms.min_clients <= len(survivors) <= self._terms.clients:
            raise PermissionDenied(
                f"The sum would have {len(survivors)} updates, and this client lets from "
                f"{self._terms.min_clients} to {self._terms.clients} into one."
            )
        digest = survivors_digest(self._context, roster.digest, survivors)
        self._own.promise("set of survivors", digest)
        return digest

    def _check_quorum(self, roster: _Roster, order: MasksMessage) -> None:
        statement = survivors_digest(self._context, roster.digest, order.survivors)
        signers = [
            card.client
            for card in roster.cards
            if card.client in order.signatures
            and has_signed(card.identity, statement, order.signatures[card.client])
        ]
        if len(signers) < self._terms.quorum:
            raise PermissionDenied(
                f"{len(signers)} sum participants have signed this set of survivors, and this client needs "
                f"{self._terms.quorum}."
            )

    def _check_subsets(self, roster: _Roster, numbers: list[int]) -> None:
        held = self._held_by(self._own_place(roster))
        if len(set(numbers)) < len(numbers) or not set(numbers) <= set(held):
            raise PermissionDenied(
                f"The masks {numbers} are asked for, and this client holds {held}, each once."
            )

    def _strangers(self, dealings: Mapping[str, Dealing]) -> dict[str, str]:
        return self._own.strangers({name: each.identity for name, each in dealings.items()})

    # Seeds

    @property
    def _subsets(self) -> int:
        return len(subsets(self._terms.sum_participants, self._terms.threshold))

    def _held_by(self, member: int) -> list[int]:
        return held_by(member, self._terms.sum_participants, self._terms.threshold)

    @cached_property
    def _sum_key(self) -> X25519PrivateKey:
        return private_key(self._own.secret("pet/sum"))

    def _seed(self, roster: _Roster, number: int) -> bytes:
        return self._own.secret("pet/seed", roster.digest, number)

    def _opened(self, roster: _Roster, client: str, dealing: Dealing) -> dict[int, bytes]:
        """Return a client's seeds by the number of their subsets: those that this sum participant holds.

        Raises:
            InvalidInput: They do not open, or do not fit their commitments.
            PermissionDenied: The client has not signed them.
        """
        place = self._own_place(roster)
        self._check_dealing(roster, client, dealing)
        purpose = self._seal_purpose(roster, client, self._own.client_id)
        key = agreed_key(self._sum_key, dealing.key, purpose)
        content = unseal(key, dealing.sealed[place], purpose)
        held = self._held_by(place)
        if len(content) != KEY_BYTES * len(held):
            raise InvalidInput(f"The client {client} has sealed no seeds.", field="sealed")
        seeds = {
            number: content[KEY_BYTES * index : KEY_BYTES * (index + 1)]
            for index, number in enumerate(held)
        }
        for number, seed in seeds.items():
            expected = commitment(self._context, roster.digest, client, number, seed)
            if expected != dealing.commitments[number]:
                raise InvalidInput(
                    f"A seed of the client {client} is not the one that it has committed to.",
                    field="commitments",
                )
        return seeds

    def _check_dealing(self, roster: _Roster, client: str, dealing: Dealing) -> None:
        are_all = len(dealing.commitments) == self._subsets
        if not are_all or len(dealing.sealed) != len(roster.cards):
            raise InvalidInput(f"Seeds of the client {client} are missing.", field="sealed")
        statement = dealing_statement(self._context, roster.digest, client, dealing)
        if not has_signed(dealing.identity, statement, dealing.signature):
            raise PermissionDenied(f"The client {client} has not signed its seeds.")

    def _mask(self, roster: _Roster, client: str, number: int, seed: bytes) -> MaskKey:
        purpose = ("fednet/secure/pet/mask", self._context.digest, roster.digest, client, number)
        return MaskKey(derived(seed, *purpose))

    def _seal_purpose(self, roster: _Roster, dealer: str, member: str) -> bytes:
        return joined("fednet/secure/pet/seal", self._context.digest, roster.digest, dealer, member)
