"""Threshold PET at the controller: k sum participants hold the masks, and any t of them can remove their sum.

The roles and phases are those of Xaynet's PET protocol (sum, update, sum2, unmask). Each client masks its update with
one stream per subset of t - 1 sum participants and seals each seed to the others (`replicated`). The survivors are
signed by a quorum before any mask leaves a sum participant, so that there is one sum.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fednet.errors import SecureRoundFailed
from fednet.secure.forms import KEY_BYTES, Message, SignatureAnswer, read_all
from fednet.secure.identities import has_signed
from fednet.secure.pet_forms import (
    CheckAnswer,
    CheckMessage,
    ConfirmMessage,
    Dealing,
    DistrustAnswer,
    MasksMessage,
    RosterMessage,
    survivors_digest,
)
from fednet.secure.replicated import assignment, subsets
from fednet.secure.rosters import Card, read_cards, roster_digest
from fednet.secure.rounds import RoundRecord, check_known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fednet.secure.masks import MaskKey

_SPARE = 2  # candidates that are asked for keys, for each sum participant that is needed


class Pet:
    """The exchanges of `pet`; see `fednet.secure.protocols.SecureProtocol`."""

    before: tuple[str, ...] = ("keys", "seeds", "check")
    after: tuple[str, ...] = ("confirm", "masks")

    def messages(self, step: str, record: RoundRecord) -> dict[str, dict[str, Any]]:
        """Return the message of each client that is asked in a step.

        Raises:
            SecureRoundFailed: Too few parties are left for this step.
        """
        state = _PetRound(record)
        match step:
            case "keys":
                return state.keys_messages()
            case "seeds":
                return state.roster_messages(step, record.chosen)
            case "check":
                return state.check_messages()
            case "train":
                return state.roster_messages(step, state.good_dealers)
            case "confirm":
                return state.confirm_messages()
            case "masks":
                return state.masks_messages()
        raise ValueError(step)

    def enough(self, step: str, record: RoundRecord) -> int:
        """Return the number of answers with which the step may end at its deadline."""
        terms = record.context.terms
        match step:
            case "keys":
                return terms.sum_participants
            case "check" | "confirm":
                return terms.quorum
            case "masks":
                return len(_PetRound(record).assigned_now())
        return terms.min_clients

    def problems(self, record: RoundRecord) -> dict[str, str]:
        """Return the reason of each client whose answers are bad."""
        return _PetRound(record).problems

    def unmasking(self, record: RoundRecord) -> list[MaskKey]:  # noqa: ARG002  the protocol's form
        """Return no keys: the sum participants bring the sum of the masks."""
        return []


class _PetRound:
    """The state of a round that its record gives."""

    def __init__(self, record: RoundRecord) -> None:
        self._record = record
        self._context = record.context
        self._terms = record.context.terms

    # What has been answered

    @cached_property
    def _read_keys(self) -> tuple[dict[str, Card], dict[str, str]]:
        answers = self._record.answers.get("keys", {})
        return read_cards(self._context, self._record.helpers, answers, KEY_BYTES)

    @cached_property
    def _roster(self) -> list[Card]:
        """The sum participants: the best of those that have answered."""
        cards = list(self._read_keys[0].values())[: self._terms.sum_participants]
        if len(cards) < self._terms.sum_participants:
            raise SecureRoundFailed(
                f"Only {len(cards)} of {self._terms.sum_participants} sum participants are there: let more "
                "clients join, or lower sum_participants."
            )
        return cards

    @cached_property
    def _members(self) -> list[str]:
        return [card.client for card in self._roster]

    @cached_property
    def _read_dealings(self) -> tuple[dict[str, Dealing], dict[str, str]]:
        """The seeds of those chosen clients that have dealt the right number, and the problems of others."""
        dealings, problems = read_all(Dealing, self._seeds(has_dealt=True))
        count = len(subsets(self._terms.sum_participants, self._terms.threshold))
        for client, dealing in list(dealings.items()):
            if len(dealing.commitments) != count or len(dealing.sealed) != len(self._roster):
                del dealings[client]
                problems[client] = "It has dealt another number of seeds than the terms ask for."
        return dealings, problems

    def _seeds(self, *, has_dealt: bool) -> list[tuple[str, Any]]:
        """Return the answers to "seeds" of the clients that have dealt some, or of those that trust somebody not."""
        answers = self._answers("seeds", self._record.chosen)
        return [each for each in answers if ("strangers" not in each[1]) is has_dealt]

    @cached_property
    def _distrust(self) -> dict[str, str]:
        """The sum participants that more than half of the clients do not trust, or else the clients that do not."""
        distrust, problems = read_all(DistrustAnswer, self._seeds(has_dealt=False))
        counts = Counter(
            member
            for answer in distrust.values()
            for member in self._members
            if member in answer.strangers
        )
        for member, count in counts.items():
            if 2 * count > len(self._record.answers["seeds"]):
                problems[member] = f"{count} clients do not trust it: they know another identity."
        for client, answer in distrust.items():
            if not problems.keys() & set(answer.strangers):
                problems[client] = f"It does not trust {', '.join(answer.strangers)}."
        return problems

    @cached_property
    def _read_checks(self) -> tuple[dict[str, str], dict[str, str]]:
        """The clients that sum participants complain of, and the sum participants whose check is bad.

        One that complains of more than half of the clients is not believed.
        """
        accused: dict[str, str] = {}
        checks, problems = read_all(CheckAnswer, self._answers("check", self._members))
        dealers = self._read_dealings[0]
        for member, check in checks.items():
            bad = dealers.keys() & set(check.bad)
            strangers = dealers.keys() & set(check.strangers)
            if 2 * len(bad | strangers) > len(dealers):
                problems[member] = "It complains of more than half of the clients."
                continue
            accused |= dict.fromkeys(bad, f"The sum participant {member} cannot use its seeds.")
            accused |= dict.fromkeys(strangers, f"The sum participant {member} does not trust it.")
        return accused, problems

    def _answers(self, step: str, clients: Iterable[str]) -> list[tuple[str, Any]]:
        answers = self._record.answers.get(step, {})
        return [(client, answers[client]) for client in clients if client in answers]

    @cached_property
    def good_dealers(self) -> list[str]:
        """The clients whose seeds count, in the order of the choice."""
        accused, _ = self._read_checks
        return [client for client in self._read_dealings[0] if client not in accused]

    @cached_property
    def _survivors(self) -> list[str]:
        survivors = sorted(self._record.survivors)
        check_known(survivors, self.good_dealers)
        if len(survivors) < self._terms.min_clients:
            raise _too_few(len(survivors), self._terms.min_clients, "masked updates")
        return survivors

    @cached_property
    def _read_signatures(self) -> tuple[dict[str, bytes], dict[str, str]]:
        signatures: dict[str, bytes] = {}
        answers, problems = read_all(SignatureAnswer, self._answers("confirm", self._members))
        identities = {card.client: card.identity for card in self._roster}
        statement = survivors_digest(self._context, self._digest, sorted(self._record.survivors))
        for member, answer in answers.items():
            if has_signed(identities[member], statement, answer.signature):
                signatures[member] = answer.signature
            else:
                problems[member] = "It has not signed the set of survivors."
        return signatures, problems

    @cached_property
    def _digest(self) -> bytes:
        return roster_digest(self._context, self._roster)

    @cached_property
    def problems(self) -> dict[str, str]:
        """The reason of each client whose answers are bad."""
        found = dict(self._read_keys[1])
        answers = self._record.answers
        if answers.get("seeds"):
            found |= {**self._read_dealings[1], **self._distrust}
        if answers.get("check"):
            found |= {**self._read_checks[0], **self._read_checks[1]}
        if answers.get("confirm"):
            found |= self._read_signatures[1]
        return found

    # What is asked next

    def keys_messages(self) -> dict[str, dict[str, Any]]:
        """Return the messages to the candidates for sum participants: the best, and some to spare."""
        candidates = [client for client in self._record.helpers if client in self._record.alive]
        asked = candidates[: _SPARE * self._terms.sum_participants]
        if len(asked) < self._terms.sum_participants:
            raise _too_few(len(asked), self._terms.sum_participants, "candidates")
        return {client: Message.to_clients(self._context, "keys") for client in asked}

    def roster_messages(self, step: str, clients: list[str] | tuple[str, ...]) -> dict[str, Any]:
        """Return the messages of "seeds" and "train"."""
        asked = [client for client in clients if client in self._record.alive]
        if len(asked) < self._terms.min_clients:
            raise _too_few(len(asked), self._terms.min_clients, "clients")
        message = RosterMessage.to_clients(self._context, step, roster=self._roster)
        return dict.fromkeys(asked, message)

    def check_messages(self) -> dict[str, dict[str, Any]]:
        """Return the messages with all seeds to the sum participants."""
        dealings = self._read_dealings[0]
        if len(dealings) < self._terms.min_clients:
            raise _too_few(len(dealings), self._terms.min_clients, "clients with seeds")
        message = CheckMessage.to_clients(
            self._context, "check", roster=self._roster, dealings=dealings
        )
        return dict.fromkeys(self._live_members(self._terms.quorum), message)

    def confirm_messages(self) -> dict[str, dict[str, Any]]:
        """Return the messages with the set of survivors."""
        message = ConfirmMessage.to_clients(
            self._context, "confirm", roster=self._roster, survivors=self._survivors
        )
        return dict.fromkeys(self._live_members(self._terms.quorum), message)

    def masks_messages(self) -> dict[str, dict[str, Any]]:
        """Return the orders for the masks that are still missing."""
        signatures, _ = self._read_signatures
        if len(signatures) < self._terms.quorum:
            raise _too_few(len(signatures), self._terms.quorum, "signatures of the survivors")
        dealings = {client: self._read_dealings[0][client] for client in self._survivors}
        return {
            self._members[member]: MasksMessage.to_clients(
                self._context, "masks", roster=self._roster, survivors=self._survivors,
                subsets=numbers, dealings=dealings, signatures=signatures,
            )
            for member, numbers in self.assigned_now().items()
        }  # fmt: skip

    def assigned_now(self) -> dict[int, list[int]]:
        """Return the numbers of the subsets whose masks are still missing, by live sum participant."""
        k, t = self._terms.sum_participants, self._terms.threshold
        done = {number for held in self._record.assigned.values() for number in held}
        missing = [number for number in range(len(subsets(k, t))) if number not in done]
        live = [self._members.index(member) for member in self._live_members(0)]
        found = assignment(missing, live, k, t)
        if found is None:
            raise SecureRoundFailed(
                f"Only {len(live)} of {k} sum participants are left, and {t} are needed to remove the masks."
            )
        return dict(found)

    def _live_members(self, least: int) -> list[str]:
        bad = self.problems
        live = [each for each in self._members if each in self._record.alive and each not in bad]
        if len(live) < least:
            raise _too_few(len(live), least, "sum participants")
        return live


def _too_few(there: int, needed: int, whom: str) -> SecureRoundFailed:
    return SecureRoundFailed(f"The round has {there} {whom}, and {needed} are needed.")
