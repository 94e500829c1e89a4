"""The facts of a round of SecAgg+ that follow from the answers of its clients."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fednet.errors import SecureRoundFailed
from fednet.secure.bitmaps import bitmap_of
from fednet.secure.dealings import COMMITMENT_BYTES, challenge_of, evidence_for, proof_of
from fednet.secure.forms import KEY_BYTES, SignatureAnswer, read_all
from fednet.secure.graph import MaskGraph
from fednet.secure.identities import has_signed
from fednet.secure.rosters import Card, read_cards, roster_digest
from fednet.secure.rounds import check_known
from fednet.secure.secagg_forms import (
    SEALED_VALUES_BYTES,
    HeldSharesAnswer,
    Neighbour,
    PositionSignature,
    SealedShare,
    SharesAnswer,
    confirmation,
    dealers_digest,
    dealing_label,
    survivors_digest,
)
from fednet.secure.shamir import SHARE_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection

    from fednet.secure.rounds import RoundRecord


class SecAggRecord:
    """A round, read from its record; clients have their positions in the roster.

    Args:
        record: The record.
    """

    def __init__(self, record: RoundRecord) -> None:
        self._record = record
        self.context = record.context
        self.terms = record.context.terms

    # The roster

    @cached_property
    def _read_keys(self) -> tuple[dict[str, Card], dict[str, str]]:
        answers = self._record.answers.get("keys", {})
        return read_cards(self.context, self._record.chosen, answers, 2 * KEY_BYTES)

    @cached_property
    def cards(self) -> list[Card]:
        """The keys of the clients, by position."""
        return list(self._read_keys[0].values())

    @cached_property
    def names(self) -> list[str]:
        """The clients, by position."""
        return [card.client for card in self.cards]

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def digest(self) -> bytes:
        """The digest that stands for the roster."""
        return roster_digest(self.context, self.cards)

    @cached_property
    def _holders(self) -> list[list[int]]:
        clients = len(self.names)
        graph = MaskGraph(clients, self.terms.neighbours, self.digest)
        return [graph.holders(position) for position in range(clients)]

    def holders_of(self, position: int) -> list[int]:
        """Return the positions of a client and its neighbours, in rising order."""
        return self._holders[position]

    def neighbours_of(self, position: int) -> list[Neighbour]:
        """Return the keys of a client's neighbours."""
        return [self._neighbours[other] for other in self.holders_of(position) if other != position]

    @cached_property
    def _neighbours(self) -> list[Neighbour]:
        return [
            Neighbour(position=position, **card.model_dump())
            for position, card in enumerate(self.cards)
        ]

    def label_of(self, position: int) -> bytes:
        """Return the bytes to which all hashes of a client's dealing are bound."""
        return dealing_label(self.context, self.digest, self.names[position], position)

    # Shares

    @cached_property
    def _read_dealings(self) -> tuple[dict[int, SharesAnswer], dict[str, str]]:
        found, problems = read_all(SharesAnswer, self._answers("shares"))
        dealings: dict[int, SharesAnswer] = {}
        for name, dealing in found.items():
            position = self._positions[name]
            if self._has_its_size(dealing, len(self.holders_of(position))):
                dealings[position] = dealing
            else:
                problems[name] = "It has dealt another number of shares than the terms ask for."
        return dealings, problems

    def _has_its_size(self, dealing: SharesAnswer, holders: int) -> bool:
        return (
            len(dealing.commitments) == holders * COMMITMENT_BYTES
            and len(dealing.proof) == self.terms.threshold * SHARE_BYTES
            and len(dealing.sealed) == (holders - 1) * SEALED_VALUES_BYTES
        )

    @cached_property
    def _distrust(self) -> dict[int, str]:
        """The clients that too many neighbours do not trust, and those that do not trust others, with the reason.

        Nobody is left out on the word of one that does not trust more than half of its neighbours.
        """
        distrusted = {
            position: set(dealing.strangers) & set(self.holders_of(position)) - {position}
            for position, dealing in self._read_dealings[0].items()
        }
        counts = Counter(
            other
            for position, others in distrusted.items()
            if 2 * len(others) < len(self.holders_of(position))
            for other in others
        )
        reasons = {
            position: f"{count} neighbours do not trust it: they know another identity."
            for position, count in counts.items()
            if count > self._tolerated(position)
        }
        for position, others in distrusted.items():
            if rest := sorted(others - reasons.keys()):
                reasons[position] = (
                    f"It does not trust {', '.join(self.names[each] for each in rest)}."
                )
        return reasons

    def _tolerated(self, position: int) -> int:
        """Return the number of holders that may be of no use to a client: one, or half of the tolerated dropouts."""
        return max(1, (len(self.holders_of(position)) - self.terms.threshold) // 2)

    @cached_property
    def dealings(self) -> dict[int, SharesAnswer]:
        """The dealings of the right form, of clients that trust and are trusted, by position."""
        dealings = self._read_dealings[0]
        return {
            position: each for position, each in dealings.items() if position not in self._distrust
        }

    def commitment(self, dealer: int, holder: int) -> bytes:
        """Return a dealer's commitment to the values of a holder."""
        return _piece(
            self.dealings[dealer].commitments,
            self.holders_of(dealer).index(holder),
            COMMITMENT_BYTES,
        )

    def shares_for(
        self, holder: int, dealers: Collection[int], *, with_evidence: bool
    ) -> list[SealedShare]:
        """Return the values that these dealers have sealed for a holder."""
        return [
            SealedShare(
                position=dealer,
                sealed=self._sealed(dealer, holder),
                evidence=self._evidence(dealer, holder) if with_evidence else b"",
            )
            for dealer in self.holders_of(holder)
            if dealer != holder and dealer in dealers
        ]

    def _sealed(self, dealer: int, holder: int) -> bytes:
        others = [each for each in self.holders_of(dealer) if each != dealer]
        return _piece(self.dealings[dealer].sealed, others.index(holder), SEALED_VALUES_BYTES)

    def _evidence(self, dealer: int, holder: int) -> bytes:
        challenge, proof = self._proofs[dealer]
        return evidence_for(holder + 1, challenge, proof, self.commitment(dealer, holder))

    @cached_property
    def _proofs(self) -> dict[int, tuple[int, list[int]]]:
        """The challenge and the coefficients of each dealer's proof."""
        return {
            dealer: (
                challenge_of(self.label_of(dealer), _pieces(dealing.commitments, COMMITMENT_BYTES)),
                proof_of(dealing.proof),
            )
            for dealer, dealing in self.dealings.items()
        }

    # Checks

    @cached_property
    def _read_checks(self) -> tuple[dict[int, set[int]], dict[str, str]]:
        """The dealers that each holder complains of; one that complains of more than half is not believed."""
        found, problems = read_all(HeldSharesAnswer, self._answers("check"))
        complaints: dict[int, set[int]] = {}
        for name, answer in found.items():
            position = self._positions[name]
            shown = self.dealings.keys() & set(self.holders_of(position)) - {position}
            bad = shown & set(answer.bad)
            if 2 * len(bad) > len(shown):
                problems[name] = "It complains of more than half of its neighbours."
            else:
                complaints[position] = bad
        return complaints, problems

    @cached_property
    def _accused(self) -> set[int]:
        """The dealers of whom more holders complain than are tolerated."""
        complaints = self._read_checks[0]
        return {
            dealer
            for dealer in self.dealings
            if sum(dealer in bad for bad in complaints.values()) > self._tolerated(dealer)
        }

    @cached_property
    def dealers(self) -> set[int]:
        """The positions of the clients that train: good dealings, good checks, and enough holders among them."""
        found = (self.dealings.keys() & self._read_checks[0].keys()) - self._accused
        while lonely := {each for each in found if self._is_lonely(each, found)}:
            found -= lonely
        return found

    def _is_lonely(self, position: int, among: set[int]) -> bool:
        return len(among & set(self.holders_of(position))) < self.terms.threshold

    # Survivors

    @cached_property
    def survivors(self) -> set[int]:
        """The positions of the clients whose masked updates are in the sum."""
        check_known(self._record.survivors, {self.names[position] for position in self.dealers})
        return {self._positions[name] for name in self._record.survivors}

    @cached_property
    def sets_digest(self) -> bytes:
        """The digest of dealers and survivors."""
        clients = len(self.names)
        dealers = self.dealers_digest
        return survivors_digest(dealers, bitmap_of(self.survivors, clients))

    @cached_property
    def dealers_digest(self) -> bytes:
        """The digest of the dealers, to which all masks are bound."""
        return dealers_digest(self.context, self.digest, bitmap_of(self.dealers, len(self.names)))

    @cached_property
    def _read_signatures(self) -> tuple[dict[int, bytes], dict[str, str]]:
        found, problems = read_all(SignatureAnswer, self._answers("confirm"))
        signatures: dict[int, bytes] = {}
        for name, answer in found.items():
            position = self._positions[name]
            statement = confirmation(self.sets_digest, position)
            if has_signed(self.cards[position].identity, statement, answer.signature):
                signatures[position] = answer.signature
            else:
                problems[name] = "It has not signed the set of survivors."
        return signatures, problems

    def quorum_for(self, position: int) -> list[PositionSignature]:
        """Return the signatures of a quorum of a client's neighbours and itself; none if there is no quorum."""
        signatures = self._read_signatures[0]
        signers = [each for each in self.holders_of(position) if each in signatures]
        if position not in signatures or len(signers) < self.terms.quorum:
            return []
        return [
            PositionSignature(position=each, signature=signatures[each])
            for each in signers[: self.terms.quorum + 1]  # one of them may be the client's own
        ]

    # All of it

    @cached_property
    def problems(self) -> dict[str, str]:
        """The reason of each client whose answers are bad."""
        found = dict(self._read_keys[1])
        answers = self._record.answers
        if answers.get("shares"):
            found |= self._read_dealings[1]
            found |= {self.names[position]: why for position, why in self._distrust.items()}
        if answers.get("check"):
            found |= self._read_checks[1]
            found |= {
                self.names[position]: "Too many of its neighbours cannot use its shares."
                for position in self._accused
            }
        if answers.get("confirm"):
            found |= self._read_signatures[1]
        return found

    def answers_by_position(self, step: str) -> list[tuple[int, str, Any]]:
        """Return the position, the name and the answer of each client of the roster."""
        return [(self._positions[name], name, answer) for name, answer in self._answers(step)]

    def check_count(self, there: int, whom: str) -> None:
        """Raise SecureRoundFailed if fewer are there than the terms ask for."""
        needed = max(self.terms.min_clients, self.terms.threshold)
        if there < needed:
            raise SecureRoundFailed(f"The round has {there} {whom}, and {needed} are needed.")

    def _answers(self, step: str) -> list[tuple[str, Any]]:
        answers = self._record.answers.get(step, {})
        return [(name, answers[name]) for name in self.names if name in answers]


def _piece(content: bytes, index: int, size_bytes: int) -> bytes:
    return content[index * size_bytes : (index + 1) * size_bytes]


def _pieces(content: bytes, size_bytes: int) -> list[bytes]:
    return [_piece(content, index, size_bytes) for index in range(len(content) // size_bytes)]
