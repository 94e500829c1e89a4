"""SecAgg+ at a client: it deals shares, masks its update, and reveals one share for each client it holds shares of.

The mask of client i is PRG(b_i) + Σ_{j < i} PRG(s_ij) - Σ_{j > i} PRG(s_ij) over its neighbours j, up to the signs'
convention (Bonawitz et al. 2017). b_i is its own secret, and s_ij is agreed on by X25519. Both b_i and i's private key
are shared among i and its neighbours. Both mask keys are bound to the set of dealers, so updates that were masked for
different sets never cancel, and a client that was lied to gives nothing away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fednet.errors import InvalidInput, PermissionDenied
from fednet.secure.bitmaps import positions_in
from fednet.secure.dealings import SharedSecrets, Values, share_bytes
from fednet.secure.forms import KEY_BYTES, SignatureAnswer
from fednet.secure.graph import MaskGraph
from fednet.secure.identities import has_signed
from fednet.secure.keys import agreed_key, derived, digest_of_parts, private_key, public_bytes
from fednet.secure.masks import MaskKey
from fednet.secure.rosters import KeysAnswer
from fednet.secure.sealing import seal, unseal
from fednet.secure.secagg_forms import (
    SEALED_VALUES_BYTES,
    DealersMessage,
    HeldSharesAnswer,
    HeldSharesMessage,
    Neighbour,
    NeighboursMessage,
    PlaceMessage,
    RevealAnswer,
    RevealedShare,
    RevealMessage,
    SealedShare,
    SharesAnswer,
    SurvivorsMessage,
    confirmation,
    dealers_digest,
    dealing_label,
    own_purpose,
    pair_purpose,
    seal_purpose,
    survivors_digest,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from fednet.secure.own_rounds import OwnRound


@dataclass(frozen=True)
class _Place:
    """This client's place in the roster, and the positions of itself and its neighbours."""

    roster: bytes
    position: int
    holders: list[int]

    @property
    def others(self) -> list[int]:
        return [holder for holder in self.holders if holder != self.position]


class SecAggParticipant:
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
            case "shares":
                return self._dealing(NeighboursMessage.read(message)).values()
            case "check":
                return self._check(HeldSharesMessage.read(message)).values()
            case "confirm":
                return self._confirm(SurvivorsMessage.read(message)).values()
            case "reveal":
                return self._reveal(RevealMessage.read(message)).values()
        raise InvalidInput(f"The protocol secagg+ has no exchange {step!r}.", field="step")

    def masks_of_update(self, message: Mapping[str, Any]) -> list[MaskKey]:
        """Return the own mask and one for each neighbour that deals; see `Participant.masks_of_update`."""
        order = DealersMessage.read(message)
        place = self._placed(order)
        neighbours = self._trusted(place, order)
        digest, dealers = self._promised_dealers(place, order)
        self._check_trust(place, neighbours, dealers)
        if len(dealers & set(place.holders)) < self._terms.threshold:
            raise PermissionDenied(
                f"Fewer than {self._terms.threshold} clients would share this client's masks."
            )
        own = self._own.secret("secagg/own", place.roster)
        masks = [MaskKey(derived(own, own_purpose(digest, place.position)))]
        for each in neighbours.values():
            if each.position in dealers:
                purpose = pair_purpose(digest, place.position, each.position)
                key = agreed_key(self._mask_key, each.keys[KEY_BYTES:], purpose)
                masks.append(MaskKey(key, subtract=each.position > place.position))
        return masks

    def masks_of_sum(self, message: Mapping[str, Any]) -> list[MaskKey]:
        """Refuse: no client of secagg+ adds masks up."""
        raise InvalidInput(f"The protocol secagg+ has no step {message['step']!r}.", field="step")

    # The exchanges

    def _keys(self) -> KeysAnswer:
        keys = public_bytes(self._seal_key) + public_bytes(self._mask_key)
        return KeysAnswer.signed(self._context, self._own.client_id, self._own.identity, keys)

    def _dealing(self, message: NeighboursMessage) -> SharesAnswer:
        place = self._placed(message)
        neighbours = self._trusted(place, message)
        secrets = self._shared(place)
        values = {holder: secrets.values_at(holder + 1) for holder in place.holders}
        commitments = [each.commitment for each in values.values()]
        sealed = [
            self._sealed(place, neighbours[other], values[other].content)
            if other in neighbours
            else bytes(SEALED_VALUES_BYTES)
            for other in place.others
        ]
        return SharesAnswer(
            commitments=b"".join(commitments),
            proof=secrets.proof(commitments),
            sealed=b"".join(sealed),
            strangers=[other for other in place.others if other not in neighbours],
        )

    def _check(self, message: HeldSharesMessage) -> HeldSharesAnswer:
        place = self._placed(message)
        neighbours = self._trusted(place, message)
        bad = [
            share.position for share in message.shares if not self._fits(place, neighbours, share)
        ]
        return HeldSharesAnswer(bad=sorted(set(bad)))

    def _fits(self, place: _Place, neighbours: Mapping[int, Neighbour], share: SealedShare) -> bool:
        values = self._opened_or_none(place, neighbours, share)
        return values is not None and values.fits(share.evidence)

    def _confirm(self, message: SurvivorsMessage) -> SignatureAnswer:
        place = self._placed(message)
        digest, _ = self._promised_survivors(place, message)
        statement = confirmation(digest, place.position)
        return SignatureAnswer(signature=self._own.identity.sign(statement))

    def _reveal(self, message: RevealMessage) -> RevealAnswer:
        place = self._placed(message)
        neighbours = self._trusted(place, message)
        digest, survivors = self._promised_survivors(place, message)
        self._check_quorum(place, neighbours, message, digest, survivors)
        dealers = positions_in(message.dealers, message.clients)
        self._check_trust(place, neighbours, dealers)
        revealed = [self._revealed(self._own_values(place), place.position, survivors)]
        for share in message.shares:
            values = self._opened_or_none(place, neighbours, share)
            if values and share.position in dealers:
                revealed.append(self._revealed(values, share.position, survivors))
        return RevealAnswer(shares=revealed)

    @staticmethod
    def _revealed(values: Values, position: int, survivors: set[int]) -> RevealedShare:
        """Return the share of a survivor's own mask, or of the mask key of another one; never both."""
        kind = "own" if position in survivors else "key"
        share = values.own if kind == "own" else values.key
        return RevealedShare(
            position=position, share=share_bytes(share), opening=values.opening(kind)
        )

    # The checks

    def _placed(self, message: PlaceMessage) -> _Place:
        """Return this client's place, if it is the only one that it was told in this round."""
        if message.clients > self._terms.clients or message.position >= message.clients:
            raise PermissionDenied(
                f"The place {message.position} of {message.clients} clients does not fit the terms, which name "
                f"{self._terms.clients} clients."
            )
        graph = MaskGraph(message.clients, self._terms.neighbours, message.roster)
        holders = graph.holders(message.position)
        if len(holders) < self._terms.threshold:
            raise PermissionDenied(
                f"{len(holders)} clients would hold this client's shares, and the threshold is "
                f"{self._terms.threshold}."
            )
        parts = ("fednet/secure/secagg/place", message.roster, message.clients, message.position)
        self._own.promise("roster", digest_of_parts(*parts))
        return _Place(message.roster, message.position, holders)

    def _trusted(self, place: _Place, message: NeighboursMessage) -> dict[int, Neighbour]:
        """Return the trusted neighbours by position, if all neighbours are the only ones of this round."""
        found = {each.position: each for each in message.neighbours}
        others = place.others
        names = {each.client for each in message.neighbours} - {self._own.client_id}
        if sorted(found) != others or not len(names) == len(message.neighbours) == len(others):
            raise PermissionDenied("The neighbours are not those of this client's place.")
        strangers = self._own.strangers_among(message.neighbours, 2 * KEY_BYTES)
        parts = [
            part
            for each in (found[position] for position in others)
            for part in (each.position, each.client, each.identity, each.keys)
        ]
        self._own.promise("set of neighbours", digest_of_parts(place.roster, *parts))
        return {at: each for at, each in found.items() if each.client not in strangers}

    @staticmethod
    def _check_trust(place: _Place, neighbours: Mapping[int, Neighbour], dealers: set[int]) -> None:
        strangers = dealers & set(place.others) - neighbours.keys()
        if strangers:
            raise PermissionDenied(
                f"The clients at {sorted(strangers)} would share masks with this client, and are not trusted."
            )

    def _promised_dealers(
        self, place: _Place, message: DealersMessage | SurvivorsMessage | RevealMessage
    ) -> tuple[bytes, set[int]]:
        dealers = positions_in(message.dealers, message.clients)
        if place.position not in dealers or len(dealers) < self._terms.min_clients:
            raise PermissionDenied(
                f"{len(dealers)} clients deal masks: this client wants to be one of at least "
                f"{self._terms.min_clients}."
            )
        digest = dealers_digest(self._context, place.roster, message.dealers)
        self._own.promise("set of dealers", digest)
        return digest, dealers

    def _promised_survivors(
        self, place: _Place, message: SurvivorsMessage | RevealMessage
    ) -> tuple[bytes, set[int]]:
        digest, dealers = self._promised_dealers(place, message)
        survivors = positions_in(message.survivors, message.clients)
        if place.position not in survivors or not survivors <= dealers:
            raise PermissionDenied(
                "The survivors are not among the dealers, or this client is none of them."
            )
        if len(survivors) < self._terms.min_clients:
            raise PermissionDenied(
                f"The sum would have {len(survivors)} updates, and this client lets at least "
                f"{self._terms.min_clients} into one."
            )
        digest = survivors_digest(digest, message.survivors)
        self._own.promise("set of survivors", digest)
        return digest, survivors

    def _check_quorum(
        self,
        place: _Place,
        neighbours: Mapping[int, Neighbour],
        message: RevealMessage,
        digest: bytes,
        survivors: set[int],
    ) -> None:
        signers = {place.position} | {
            each.position
            for each in message.signatures
            if each.position in survivors and each.position in neighbours
            and has_signed(
                neighbours[each.position].identity,
                confirmation(digest, each.position),
                each.signature,
            )
        }  # fmt: skip
        if len(signers) < self._terms.quorum:
            raise PermissionDenied(
                f"{len(signers)} clients have signed this set of survivors, and this client needs "
                f"{self._terms.quorum}."
            )

    # Shares

    def _shared(self, place: _Place) -> SharedSecrets:
        own = self._own
        return SharedSecrets.of(
            self._label(place, own.client_id, place.position),
            key=own.secret("secagg/mask"),
            own=own.secret("secagg/own", place.roster),
            threshold=self._terms.threshold,
            seeds=(
                own.secret("secagg/polynomial of the mask key", place.roster),
                own.secret("secagg/polynomial of the own mask", place.roster),
                own.secret("secagg/polynomial of the proof", place.roster),
            ),
        )

    def _own_values(self, place: _Place) -> Values:
        return self._shared(place).values_at(place.position + 1)

    def _sealed(self, place: _Place, holder: Neighbour, content: bytes) -> bytes:
        purpose = seal_purpose(
            self._context, place.roster, self._own.client_id, place.position, holder.client, holder.position,
        )  # fmt: skip
        return seal(self._agreed(holder, purpose), content, purpose)

    def _opened_or_none(
        self, place: _Place, neighbours: Mapping[int, Neighbour], share: SealedShare
    ) -> Values | None:
        """Return the values that a neighbour has dealt to this client; None if they do not open."""
        if share.position not in neighbours:
            return None
        try:
            return self._opened(place, neighbours[share.position], share)
        except InvalidInput:
            return None

    def _opened(self, place: _Place, dealer: Neighbour, share: SealedShare) -> Values:
        purpose = seal_purpose(
            self._context, place.roster, dealer.client, dealer.position, self._own.client_id, place.position,
        )  # fmt: skip
        content = unseal(self._agreed(dealer, purpose), share.sealed, purpose)
        label = self._label(place, dealer.client, dealer.position)
        return Values.read(label, place.position + 1, content)

    def _agreed(self, neighbour: Neighbour, purpose: bytes) -> bytes:
        return agreed_key(self._seal_key, neighbour.keys[:KEY_BYTES], purpose)

    def _label(self, place: _Place, dealer: str, position: int) -> bytes:
        return dealing_label(self._context, place.roster, dealer, position)

    @cached_property
    def _seal_key(self) -> X25519PrivateKey:
        return private_key(self._own.secret("secagg/seal"))

    @cached_property
    def _mask_key(self) -> X25519PrivateKey:
        return private_key(self._own.secret("secagg/mask"))
