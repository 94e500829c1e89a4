"""The controller's side of secure aggregation: pure functions from the record of a round to its next messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from fednet.secure.pet import Pet
from fednet.secure.secagg import SecAgg
from fednet.secure.terms import PET

if TYPE_CHECKING:
    from fednet.secure.masks import MaskKey
    from fednet.secure.rounds import RoundRecord
    from fednet.secure.terms import SecureTerms


class SecureProtocol(Protocol):
    """The exchanges of a secure round and their messages.

    Attributes:
        before: The names of the exchanges before the masked training, in order.
        after: The names of the exchanges after it, in order.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]

    def messages(self, step: str, record: RoundRecord) -> dict[str, dict[str, Any]]:
        """Return the JSON-able message of each client that is asked in a step, by client.

        Args:
            step: One of `before` and `after`, or "train".
            record: The round so far.

        Raises:
            SecureRoundFailed: Too few parties are left for this step.
        """
        ...

    def enough(self, step: str, record: RoundRecord) -> int:
        """Return the number of answers with which the step may end at its deadline."""
        ...

    def problems(self, record: RoundRecord) -> dict[str, str]:
        """Return the reason of each client whose answers are bad; later messages leave it out."""
        ...

    def unmasking(self, record: RoundRecord) -> list[MaskKey]:
        """Return the masks to add to the sum of the masked updates; empty if the sums of masks come from clients.

        Raises:
            SecureRoundFailed: The answers do not give the masks.
        """
        ...


def protocol_of(terms: SecureTerms) -> SecureProtocol:
    """Return the protocol that the terms name."""
    return Pet() if terms.protocol == PET else SecAgg()
