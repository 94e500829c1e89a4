"""A secure round as its controller sees it: what it is bound to, and what its clients have answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from fednet.digests import sha256_of
from fednet.errors import SecureRoundFailed

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from fednet.secure.terms import SecureTerms

TRAIN: Final = "train"


@dataclass(frozen=True)
class RoundContext:
    """The session, the round and the terms that every signature, key and seal of a round is bound to.

    Attributes:
        session_id: The session.
        round_id: The round and its attempt: an attempt that asks for new keys needs a new id.
        terms: The terms.
    """

    session_id: str
    round_id: str
    terms: SecureTerms

    @cached_property
    def digest(self) -> bytes:
        """The 32 bytes of the SHA-256 of the context's canonical JSON."""
        parts = ["fednet/secure/1", self.session_id, self.round_id, self.terms.text]
        return bytes.fromhex(sha256_of(json.dumps(parts, separators=(",", ":")).encode()))


@dataclass(frozen=True)
class RoundRecord:
    """The events of a round so far.

    Attributes:
        context: The round.
        chosen: The clients that train, in any order that stays the same in the round.
        helpers: The candidates for sum participants, the best first; empty for `secagg+`.
        answers: The answers of each step, by step and client; those to "train" need not be here.
        survivors: The clients whose masked updates are in the sum.
        assigned: The subsets whose masks are already in a sum, by sum participant (`pet`, step "masks").
        alive: The clients that can be asked now.
    """

    context: RoundContext
    chosen: tuple[str, ...]
    helpers: tuple[str, ...] = ()
    answers: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    survivors: tuple[str, ...] = ()
    assigned: Mapping[str, list[int]] = field(default_factory=dict)
    alive: frozenset[str] = frozenset()


def check_known(survivors: Iterable[str], dealers: Container[str]) -> None:
    """Check that the masks of all updates in a sum can be removed.

    Raises:
        SecureRoundFailed: Clients that have dealt nothing have updates in it; says who.
    """
    if strangers := sorted(client for client in survivors if client not in dealers):
        raise SecureRoundFailed(
            f"Updates are in the sum whose masks nobody can remove: those of {', '.join(strangers)}."
        )
