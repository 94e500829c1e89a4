"""A small world of secure aggregation: honest clients with vaults in memory, and a controller that runs one round."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fednet.errors import Conflict, FednetError, SecureRoundFailed
from fednet.secure.identities import Identity
from fednet.secure.keys import derived
from fednet.secure.masks import add_masks
from fednet.secure.participant import Participant
from fednet.secure.protocols import protocol_of
from fednet.secure.rounds import TRAIN, RoundContext, RoundRecord
from fednet.secure.terms import SecureTerms, least_quorum, usual_neighbours

WORDS = 5


def pet_terms(clients: int = 5, k: int = 3, t: int = 2, **others: Any) -> SecureTerms:
    """Return terms of `pet`."""
    values: dict[str, Any] = {
        "protocol": "pet",
        "clients": clients,
        "min_clients": 3,
        "ring_bits": 32,
        "clip": 8.0,
        "examples_max": 10_000,
        "cipher": "chacha20",
        "sum_participants": k,
        "threshold": t,
        "quorum": least_quorum(k, t),
        "neighbours": 0,
    }
    return SecureTerms(**values | others)


def secagg_terms(clients: int = 5, **others: Any) -> SecureTerms:
    """Return terms of `secagg+` with a threshold of two thirds of the holders."""
    neighbours = others.get("neighbours", usual_neighbours(clients))
    threshold = -(-2 * (neighbours + 1) // 3)
    values: dict[str, Any] = {
        "protocol": "secagg+",
        "sum_participants": 0,
        "threshold": threshold,
        "quorum": threshold,
        "neighbours": neighbours,
    }
    return pet_terms(clients, **values | others)


class MemoryVault:
    """A vault in memory; it outlives its participant as one on a disk does."""

    def __init__(self, secret: bytes, pinned: Mapping[str, bytes] | None = None) -> None:
        self._secret = secret
        self.promises: dict[tuple[str, str], str] = {}
        self.known = dict(pinned or {})
        self._is_pinned = pinned is not None

    def secret(self, round_digest: str) -> bytes:
        return derived(self._secret, round_digest)

    def bind(self, round_digest: str, what: str, digest: str) -> None:
        if self.promises.setdefault((round_digest, what), digest) != digest:
            raise Conflict("Another one was promised.")

    def admit(self, keys: Mapping[str, bytes]) -> dict[str, str]:
        refused = {}
        for client, key in keys.items():
            known = (
                self.known.get(client) if self._is_pinned else self.known.setdefault(client, key)
            )
            if known != key:
                refused[client] = "its identity is another one."
        return refused


class SecureClient:
    """An honest client; each call is answered by a new process with the same vault."""

    def __init__(self, name: str, seed: int, pinned: Mapping[str, bytes] | None = None) -> None:
        self.name = name
        self.identity = Identity(seed.to_bytes(32, "big"))
        self.vault = MemoryVault((seed + 2**64).to_bytes(32, "big"), pinned)
        self.update = np.arange(WORDS, dtype=np.uint32) * (seed + 1) + seed

    @property
    def participant(self) -> Participant:
        return Participant(self.name, self.identity, self.vault)

    def masked_update(self, message: Mapping[str, Any]) -> np.ndarray:
        masked = self.update.copy()
        add_masks(masked, self.participant.masks_of_update(message), "chacha20")
        return masked

    def sum_of_masks(self, message: Mapping[str, Any]) -> np.ndarray:
        masks = np.zeros(WORDS, np.uint32)
        add_masks(masks, self.participant.masks_of_sum(message), "chacha20")
        return masks


def _same(step: str, client: str, values: Any) -> Any:
    del step, client
    return values


@dataclass
class SecureWorld:
    """One round.

    Attributes:
        terms: The terms.
        names: The clients.
        lost: The clients that are gone from a step on, by step.
        tampered: Changes a message on its way to a client, as an active controller does.
        forged: Changes the answer of a client, as a bad client does.
        refusals: The errors of clients, by step and client.
    """

    terms: SecureTerms
    names: list[str] = field(default_factory=list)
    lost: Mapping[str, Collection[str]] = field(default_factory=dict)
    tampered: Callable[[str, str, dict[str, Any]], dict[str, Any]] = _same
    forged: Callable[[str, str, Any], Any] = _same
    refusals: dict[tuple[str, str], FednetError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = self.names or [f"client{number}" for number in range(self.terms.clients)]
        self.clients = {name: SecureClient(name, seed) for seed, name in enumerate(self.names)}
        self.protocol = protocol_of(self.terms)
        self.record = RoundRecord(
            RoundContext("session", "round-1", self.terms),
            chosen=tuple(self.names),
            helpers=tuple(self.names) if self.terms.sum_participants else (),
            alive=frozenset(self.names),
        )
        self.updates: dict[str, np.ndarray] = {}
        self.mask_sums: list[np.ndarray] = []

    def run(self) -> np.ndarray:
        """Run the round; return the sum of the survivors' updates.

        Raises:
            SecureRoundFailed: Too few are left.
        """
        for step in self.protocol.before:
            self.exchange(step)
        self.train()
        for step in self.protocol.after:
            if step == "masks":
                self.sum_masks()
            else:
                self.exchange(step)
        return self.unmasked()

    def exchange(self, step: str) -> None:
        """Ask the clients of a step and put their answers into the record.

        Raises:
            SecureRoundFailed: Too few have answered.
        """
        self.exchange_anyway(step)
        self._check_enough(step, self.record.answers[step])

    def exchange_anyway(self, step: str) -> None:
        """Ask the clients of a step, and go on however few answer."""
        messages = self._sent(step)
        answers = {}
        for name, message in messages.items():
            if name in self.record.alive:
                answer = self._asked(step, name, message, self.clients[name].participant.answer)
                if answer is not None:
                    answers[name] = answer
        answers = {**self.record.answers, step: answers}
        self.record = replace(self.record, answers=answers)

    def train(self) -> None:
        """Let the clients train; those whose update comes are the survivors."""
        for name, message in self._sent(TRAIN).items():
            if name in self.record.alive:
                update = self._asked(TRAIN, name, message, self.clients[name].masked_update)
                if update is not None:
                    self.updates[name] = update
        self.record = replace(self.record, survivors=tuple(self.updates))

    def sum_masks(self) -> None:
        """Ask sum participants for masks until all are there."""
        while messages := self._sent("masks"):
            for name, message in messages.items():
                masks = self._asked("masks", name, message, self.clients[name].sum_of_masks)
                if masks is None:
                    self.record = replace(self.record, alive=self.record.alive - {name})
                    continue
                self.mask_sums.append(masks)
                done = [*self.record.assigned.get(name, []), *message["subsets"]]
                assigned = {**self.record.assigned, name: done}
                self.record = replace(self.record, assigned=assigned)

    def unmasked(self) -> np.ndarray:
        """Return the sum of the masked updates without their masks."""
        total = np.zeros(WORDS, np.uint32)
        for update in self.updates.values():
            total += update
        for masks in self.mask_sums:
            total -= masks
        add_masks(total, self.protocol.unmasking(self.record), "chacha20")
        return total

    def expected(self) -> np.ndarray:
        """Return the sum of the survivors' updates in the clear."""
        total = np.zeros(WORDS, np.uint32)
        for name in self.updates:
            total += self.clients[name].update
        return total

    def _sent(self, step: str) -> dict[str, dict[str, Any]]:
        messages = self.protocol.messages(step, self.record)
        # Clients vanish after the controller has asked them.
        gone = frozenset(self.lost.get(step, ()))
        self.record = replace(self.record, alive=self.record.alive - gone)
        return messages

    def _asked(self, step: str, name: str, message: Any, answer: Callable[[Any], Any]) -> Any:
        if name not in self.record.alive:
            return None
        try:
            return self.forged(step, name, answer(self.tampered(step, name, message)))
        except FednetError as error:
            self.refusals[step, name] = error
            return None

    def _check_enough(self, step: str, answers: Mapping[str, Any]) -> None:
        needed = self.protocol.enough(step, self.record)
        if len(answers) < needed:
            raise SecureRoundFailed(f"{step}: {len(answers)} answers, and {needed} are needed.")
