"""The client's side of secure aggregation: it answers messages, gives masks, and refuses what would reveal too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from fednet.errors import InvalidInput
from fednet.secure.forms import Envelope
from fednet.secure.own_rounds import OwnRound, VaultPort
from fednet.secure.pet_participant import PetParticipant
from fednet.secure.rounds import TRAIN
from fednet.secure.secagg_participant import SecAggParticipant
from fednet.secure.terms import PET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fednet.secure.identities import Identity
    from fednet.secure.masks import MaskKey

__all__ = ["Participant", "VaultPort"]


class _RoundPart(Protocol):
    """One client's part in one round."""

    def answer(self, step: str, message: Mapping[str, Any]) -> dict[str, Any]: ...

    def masks_of_update(self, message: Mapping[str, Any]) -> list[MaskKey]: ...

    def masks_of_sum(self, message: Mapping[str, Any]) -> list[MaskKey]: ...


class Participant:
    """A client in rounds with secure aggregation.

    It remembers nothing between two calls but what its vault keeps, so a restart costs nothing: all secrets of a round
    are derived from one.

    Args:
        client_id: The client.
        identity: Its identity.
        vault: Its memory.
    """

    def __init__(self, client_id: str, identity: Identity, vault: VaultPort) -> None:
        self._client_id = client_id
        self._identity = identity
        self._vault = vault

    def answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON-able answer to the message of an exchange.

        Raises:
            InvalidInput: The message has another form.
            PermissionDenied: An answer would reveal too much; says what.
        """
        envelope = Envelope.read(message)
        return self._part(envelope).answer(envelope.step, message)

    def masks_of_update(self, message: Mapping[str, Any]) -> list[MaskKey]:
        """Return the masks to add to this client's update; the same each time.

        Whoever calls this lets one masked update of a round leave the site: two of them give their difference away.

        Raises:
            InvalidInput: The message has another form.
            PermissionDenied: The masks would not protect the update; says why.
        """
        envelope = Envelope.read(message)
        _check_step(envelope, TRAIN)
        return self._part(envelope).masks_of_update(message)

    def masks_of_sum(self, message: Mapping[str, Any]) -> list[MaskKey]:
        """Return the masks of the survivors that this sum participant adds up, after all checks.

        Raises:
            InvalidInput: The message has another form.
            PermissionDenied: The sum of the masks would reveal too much; says why.
        """
        envelope = Envelope.read(message)
        _check_step(envelope, "masks")
        return self._part(envelope).masks_of_sum(message)

    def _part(self, envelope: Envelope) -> _RoundPart:
        context = envelope.context()
        own = OwnRound(self._client_id, self._identity, self._vault, context)
        return PetParticipant(own) if context.terms.protocol == PET else SecAggParticipant(own)


def _check_step(envelope: Envelope, step: str) -> None:
    if envelope.step != step:
        raise InvalidInput(f"This is a message for {envelope.step!r}, not {step!r}.", field="step")
