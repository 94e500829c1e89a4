"""SecAgg+ at the controller: pairwise masks over a graph, and shares that remove those of clients that are gone.

Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS 2017 (eprint 2017/281),
with the graph of Bell et al., "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead", CCS 2020 (eprint
2020/704), keys that follow from one secret per session (as in Ma et al., "Flamingo", IEEE S&P 2023, eprint 2023/486),
and an exchange in which clients check their shares before they train.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fednet.secure.bitmaps import bitmap_of
from fednet.secure.forms import Message
from fednet.secure.secagg_forms import (
    DealersMessage,
    HeldSharesMessage,
    NeighboursMessage,
    RevealMessage,
    SurvivorsMessage,
)
from fednet.secure.secagg_record import SecAggRecord
from fednet.secure.secagg_unmasking import RevealedSecrets

if TYPE_CHECKING:
    from collections.abc import Collection

    from fednet.secure.masks import MaskKey
    from fednet.secure.rounds import RoundRecord


class SecAgg:
    """The exchanges of `secagg+`; see `fednet.secure.protocols.SecureProtocol`."""

    before: tuple[str, ...] = ("keys", "shares", "check")
    after: tuple[str, ...] = ("confirm", "reveal")

    def messages(self, step: str, record: RoundRecord) -> dict[str, dict[str, Any]]:
        """Return the message of each client that is asked in a step.

        Raises:
            SecureRoundFailed: Too few parties are left for this step.
        """
        messages = _Messages(record)
        match step:
            case "keys":
                return messages.keys()
            case "shares":
                return messages.shares()
            case "check":
                return messages.check()
            case "train":
                return messages.train()
            case "confirm":
                return messages.confirm()
            case "reveal":
                return messages.reveal()
        raise ValueError(step)

    def enough(self, step: str, record: RoundRecord) -> int:
        """Return the number of answers with which the step may end at its deadline."""
        terms = record.context.terms
        return terms.threshold if step == "reveal" else max(terms.min_clients, terms.threshold)

    def problems(self, record: RoundRecord) -> dict[str, str]:
        """Return the reason of each client whose answers are bad."""
        known = SecAggRecord(record)
        bad = RevealedSecrets(known).problems if record.answers.get("reveal") else {}
        return known.problems | bad

    def unmasking(self, record: RoundRecord) -> list[MaskKey]:
        """Return the masks that remove those of the sum: survivors' own masks, and pairs with clients that are gone.

        Raises:
            SecureRoundFailed: Too few shares of a client are there.
        """
        return RevealedSecrets(SecAggRecord(record)).masks()


class _Messages:
    """The next messages of a round."""

    def __init__(self, record: RoundRecord) -> None:
        self._record = record
        self._known = SecAggRecord(record)
        self._context = record.context

    def keys(self) -> dict[str, dict[str, Any]]:
        """Return the messages to all chosen clients."""
        asked = [client for client in self._record.chosen if client in self._record.alive]
        self._known.check_count(len(asked), "clients")
        return {client: Message.to_clients(self._context, "keys") for client in asked}

    def shares(self) -> dict[str, dict[str, Any]]:
        """Return the messages with the neighbours of each client."""
        return {
            client: NeighboursMessage.to_clients(
                self._context, "shares", **self._place(position), **self._neighbours(position)
            )
            for client, position in self._asked(range(len(self._known.names)), "clients with keys")
        }

    def check(self) -> dict[str, dict[str, Any]]:
        """Return the messages with the shares that each client holds."""
        known = self._known
        return {
            client: HeldSharesMessage.to_clients(
                self._context, "check", **self._place(position), **self._neighbours(position),
                shares=known.shares_for(position, known.dealings.keys(), with_evidence=True),
            )
            for client, position in self._asked(known.dealings, "clients with shares")
        }  # fmt: skip

    def train(self) -> dict[str, dict[str, Any]]:
        """Return the messages with the set of dealers."""
        dealers = bitmap_of(self._known.dealers, len(self._known.names))
        return {
            client: DealersMessage.to_clients(
                self._context, "train", **self._place(position), **self._neighbours(position),
                dealers=dealers,
            )
            for client, position in self._asked(self._known.dealers, "clients with checked shares")
        }  # fmt: skip

    def confirm(self) -> dict[str, dict[str, Any]]:
        """Return the messages with the set of survivors."""
        sets = self._sets()
        return {
            client: SurvivorsMessage.to_clients(
                self._context, "confirm", **self._place(position), **sets
            )
            for client, position in self._asked(self._known.survivors, "masked updates")
        }

    def reveal(self) -> dict[str, dict[str, Any]]:
        """Return the orders to reveal shares, to the survivors with a quorum among their neighbours."""
        known, sets = self._known, self._sets()
        quorums = {
            position: known.quorum_for(position)
            for _, position in self._asked(known.survivors, "masked updates")
        }
        ready = [position for position, quorum in quorums.items() if quorum]
        return {
            client: RevealMessage.to_clients(
                self._context, "reveal", **self._place(position), **self._neighbours(position), **sets,
                shares=known.shares_for(position, known.dealers, with_evidence=False),
                signatures=quorums[position],
            )
            for client, position in self._asked(ready, "clients with a quorum of signatures")
        }  # fmt: skip

    def _asked(self, positions: Collection[int], whom: str) -> list[tuple[str, int]]:
        """Return the clients at these positions that can be asked.

        Raises:
            SecureRoundFailed: Fewer are there than the terms ask for.
        """
        self._known.check_count(len(positions), whom)
        names = self._known.names
        asked = [(names[position], position) for position in sorted(positions)]
        alive = [(name, position) for name, position in asked if name in self._record.alive]
        self._known.check_count(len(alive), f"reachable {whom}")
        return alive

    def _place(self, position: int) -> dict[str, Any]:
        known = self._known
        return {"roster": known.digest, "clients": len(known.names), "position": position}

    def _neighbours(self, position: int) -> dict[str, Any]:
        return {"neighbours": self._known.neighbours_of(position)}

    def _sets(self) -> dict[str, bytes]:
        known, clients = self._known, len(self._known.names)
        return {
            "dealers": bitmap_of(known.dealers, clients),
            "survivors": bitmap_of(known.survivors, clients),
        }
