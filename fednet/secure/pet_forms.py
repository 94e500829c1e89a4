"""The messages and answers of `pet`, and the statements that its parties sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from fednet import limits
from fednet.secure.forms import Blob, Form, Key, Message, Name, Signature
from fednet.secure.keys import digest_of_parts, joined
from fednet.secure.rosters import Card

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fednet.secure.rounds import RoundContext

Survivors = Annotated[list[Name], Field(max_length=limits.session_clients_max)]
Roster = Annotated[list[Card], Field(max_length=limits.secure_sum_participants_max)]


class Dealing(Form):
    """One client's sealed seeds.

    Attributes:
        identity: The Ed25519 public key of the client.
        key: Its X25519 public key, for these seals only.
        commitments: The commitment to each seed, by the number of its subset.
        sealed: The seeds of each sum participant, in the order of the roster: those that it holds, in a row.
        signature: The signature of all the others, bound to the round and the roster.
    """

    identity: Key
    key: Key
    commitments: Annotated[list[Key], Field(max_length=limits.secure_subsets_max)]
    sealed: Annotated[list[Blob], Field(max_length=limits.secure_sum_participants_max)]
    signature: Signature


class DistrustAnswer(Form):
    """The answer to "seeds" of a client that has dealt none: the sum participants that it does not trust."""

    strangers: Annotated[
        list[Name], Field(min_length=1, max_length=limits.secure_sum_participants_max)
    ]


class RosterMessage(Message):
    """A message with the sum participants of a round (steps "seeds" and "train")."""

    roster: Roster


class CheckMessage(RosterMessage):
    """A message with the seeds of all clients (step "check")."""

    dealings: dict[Name, Dealing]


class CheckAnswer(Form):
    """The clients whose seeds a sum participant cannot use: they are bad, or their client is not trusted."""

    bad: Survivors
    strangers: Survivors


class ConfirmMessage(RosterMessage):
    """A message with the set of survivors (step "confirm")."""

    survivors: Survivors


class MasksMessage(ConfirmMessage):
    """The order to add masks up (step "masks").

    Attributes:
        subsets: The numbers of the subsets whose masks are needed.
        dealings: The seeds of each survivor.
        signatures: The signatures of the survivors, by sum participant.
    """

    subsets: Annotated[list[int], Field(min_length=1, max_length=limits.secure_subsets_max)]
    dealings: dict[Name, Dealing]
    signatures: dict[Name, Signature]


def dealing_statement(context: RoundContext, roster: bytes, client: str, dealing: Dealing) -> bytes:
    """Return the statement that a client signs with its seeds."""
    return joined(
        "fednet/secure/pet/dealing", context.digest, roster, client, dealing.identity, dealing.key,
        len(dealing.commitments), *dealing.commitments, *dealing.sealed,
    )  # fmt: skip


def survivors_digest(context: RoundContext, roster: bytes, survivors: Iterable[str]) -> bytes:
    """Return the 32 bytes that a sum participant signs for a set of survivors."""
    return digest_of_parts("fednet/secure/pet/survivors", context.digest, roster, *survivors)


def commitment(
    context: RoundContext, roster: bytes, client: str, number: int, seed: bytes
) -> bytes:
    """Return the commitment to the seed of a subset; a seed of 32 random bytes stays hidden."""
    return digest_of_parts(
        "fednet/secure/pet/commitment", context.digest, roster, client, number, seed
    )
