"""The messages and answers of `secagg+`, and the statements that its parties sign and bind keys to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from fednet import limits
from fednet.secure.dealings import VALUES_BYTES
from fednet.secure.forms import Blob, Form, Key, Message, Position, Signature
from fednet.secure.keys import digest_of_parts, joined
from fednet.secure.rosters import Card
from fednet.secure.sealing import SEAL_BYTES

if TYPE_CHECKING:
    from fednet.secure.rounds import RoundContext

SEALED_VALUES_BYTES: Final = VALUES_BYTES + SEAL_BYTES
_HOLDERS_MAX = limits.secure_neighbours_max + 1
Positions = Annotated[list[Position], Field(max_length=_HOLDERS_MAX)]


class Neighbour(Card):
    """The keys of a client that shares masks with the receiver.

    Attributes:
        position: Its position in the roster.
    """

    position: Position


class PlaceMessage(Message):
    """The fields of each message after the keys.

    Attributes:
        roster: The digest that stands for all clients of the round with their keys.
        clients: The number of these clients.
        position: The receiver's position among them.
    """

    roster: Key
    clients: Annotated[int, Field(ge=limits.secure_clients_min, le=limits.session_clients_max)]
    position: Position


class NeighboursMessage(PlaceMessage):
    """A message with the receiver's neighbours (step "shares")."""

    neighbours: Annotated[list[Neighbour], Field(max_length=_HOLDERS_MAX)]


class SharesAnswer(Form):
    """One client's dealing: shares of its mask key and of its own mask.

    Attributes:
        commitments: The commitment to the values of each holder, in the order of their positions.
        proof: The coefficients of the proof's polynomial.
        sealed: The sealed values of each neighbour, in the order of their positions; zeros for strangers.
        strangers: The neighbours that the client does not trust.
    """

    commitments: Blob
    proof: Blob
    sealed: Blob
    strangers: Positions


class SealedShare(Form):
    """The values that a neighbour has dealt to the receiver.

    Attributes:
        position: The neighbour.
        sealed: The sealed values.
        evidence: The part of the neighbour's proof for the receiver; empty if it was checked before.
    """

    position: Position
    sealed: Blob
    evidence: Blob = b""


class HeldSharesMessage(NeighboursMessage):
    """A message with the shares that the receiver holds (step "check")."""

    shares: Annotated[list[SealedShare], Field(max_length=_HOLDERS_MAX)]


class HeldSharesAnswer(Form):
    """The neighbours whose shares the sender cannot use."""

    bad: Positions


class DealersMessage(NeighboursMessage):
    """A message with the clients whose masks count (step "train").

    Attributes:
        dealers: Their positions, as a bitmap.
    """

    dealers: Blob


class SurvivorsMessage(PlaceMessage):
    """A message with the set of survivors (step "confirm"), both as bitmaps."""

    dealers: Blob
    survivors: Blob


class PositionSignature(Form):
    """A neighbour's signature of a set of survivors."""

    position: Position
    signature: Signature


class RevealMessage(HeldSharesMessage):
    """The order to reveal shares (step "reveal"), with the signatures of a quorum of the receiver's neighbours."""

    dealers: Blob
    survivors: Blob
    signatures: Annotated[list[PositionSignature], Field(max_length=_HOLDERS_MAX)]


class RevealedShare(Form):
    """A share of a survivor's own mask, or of another client's mask key.

    Attributes:
        position: The client whose secret it is.
        share: The share.
        opening: The hashes with which it gives the client's commitment.
    """

    position: Position
    share: Blob
    opening: Blob


class RevealAnswer(Form):
    """The shares that a client reveals."""

    shares: Annotated[list[RevealedShare], Field(max_length=_HOLDERS_MAX)]


def dealing_label(context: RoundContext, roster: bytes, dealer: str, position: int) -> bytes:
    """Return the bytes to which all hashes of one client's dealing are bound."""
    return digest_of_parts("fednet/secure/secagg/dealing", context.digest, roster, dealer, position)


def seal_purpose(
    context: RoundContext, roster: bytes, dealer: str, dealer_at: int, holder: str, holder_at: int
) -> bytes:
    """Return the purpose of the key that seals a dealer's values for a holder."""
    return joined(
        "fednet/secure/secagg/seal", context.digest, roster, dealer, dealer_at, holder, holder_at
    )


def dealers_digest(context: RoundContext, roster: bytes, dealers: bytes) -> bytes:
    """Return the 32 bytes that stand for a set of dealers; masks of different sets never cancel."""
    return digest_of_parts("fednet/secure/secagg/dealers", context.digest, roster, dealers)


def survivors_digest(dealers: bytes, survivors: bytes) -> bytes:
    """Return the 32 bytes that a client signs for a set of survivors of these dealers (a digest)."""
    return digest_of_parts("fednet/secure/secagg/survivors", dealers, survivors)


def confirmation(survivors: bytes, position: int) -> bytes:
    """Return the statement that the client at a position signs for a set of survivors (a digest)."""
    return joined("fednet/secure/secagg/confirmation", survivors, position)


def pair_purpose(dealers: bytes, one: int, other: int) -> bytes:
    """Return the purpose of the mask key of two positions, whichever comes first."""
    first, second = sorted((one, other))
    return joined("fednet/secure/secagg/pair", dealers, first, second)


def own_purpose(dealers: bytes, position: int) -> bytes:
    """Return the purpose of a client's own mask key."""
    return joined("fednet/secure/secagg/own", dealers, position)
