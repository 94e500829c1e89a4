"""Messages of participants: signed, sealed for the coordinator, and masked where they carry a model."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from fednet import limits
from fednet.errors import InvalidInput
from fednet.xaynet import (
    SEED_BYTES,
    MaskObject,
    RoundParameters,
    SealingKey,
    SignatureKey,
    SignedMessage,
    Sum2Payload,
    SumPayload,
    Tag,
    Task,
    UpdatePayload,
    derive_mask,
    mask,
    seal,
)

from .values import Compose, ComposeSum, ComposeSum2, ComposeUpdate
from .weights import fitted


class Composer:
    """Composes the messages of one participant.

    Args:
        identity: Its long-term key.
        scalar: The weight of its models in the mean.
    """

    def __init__(self, identity: SignatureKey, scalar: float) -> None:
        self._identity = identity
        self._scalar = scalar

    def compose(self, order: Compose, parameters: RoundParameters) -> bytes:
        """Return the sealed message of a phase.

        Args:
            order: The phase, with the values that its message needs.
            parameters: Those of the round.

        Raises:
            LocalModelLengthMisMatch: The local model has another length than the round's.
            LocalModelDataTypeMisMatch: It does not fit the round's data type.
            InvalidInput: The coordinator's documents cannot be used, such as damaged keys or seeds.
        """
        match order:
            case ComposeSum():
                tag, payload = Tag.SUM, self._sum(order, parameters).to_bytes()
            case ComposeUpdate():
                tag, payload = Tag.UPDATE, self._update(order, parameters).to_bytes()
            case ComposeSum2():
                tag, payload = Tag.SUM2, self._sum2(order, parameters).to_bytes()
        message = SignedMessage(
            self._identity.public, parameters.public_key, tag, is_multipart=False, payload=payload
        )
        return seal(parameters.public_key, message.to_bytes(self._identity))

    def _sum(self, order: ComposeSum, parameters: RoundParameters) -> SumPayload:
        return SumPayload(self._ticket(Task.SUM, parameters), order.key.public)

    def _update(self, order: ComposeUpdate, parameters: RoundParameters) -> UpdatePayload:
        weights = fitted(order.model, parameters)
        if not order.sums:
            raise InvalidInput("The coordinator says that there are no sum participants.")
        seed = secrets.token_bytes(SEED_BYTES)
        seeds = {participant: seal(key, seed) for participant, key in order.sums.items()}
        return UpdatePayload(
            self._ticket(Task.SUM, parameters),
            self._ticket(Task.UPDATE, parameters),
            mask(weights, self._scalar, seed, parameters.config),
            seeds,
        )

    def _sum2(self, order: ComposeSum2, parameters: RoundParameters) -> Sum2Payload:
        if len(order.seeds) < limits.participant_updates_min:
            raise InvalidInput(
                f"The coordinator wants the sum of {len(order.seeds)} masks; below {limits.participant_updates_min} "
                "it would show single models."
            )
        total = MaskObject.zero(parameters.config, parameters.model_length)
        for seed in _opened(order.key, order.seeds):
            total.add(derive_mask(seed, parameters.config, parameters.model_length))
        return Sum2Payload(self._ticket(Task.SUM, parameters), total)

    def _ticket(self, task: Task, parameters: RoundParameters) -> bytes:
        return self._identity.ticket(parameters.seed, task)


def _opened(key: SealingKey, sealed: Mapping[bytes, bytes]) -> list[bytes]:
    """Return all seeds.

    Raises:
        InvalidInput: Some cannot be opened; it names their senders.
    """
    seeds, senders = [], []
    for sender, box in sealed.items():
        try:
            seeds.append(key.open(box))
        except InvalidInput:
            senders.append(sender.hex())
    if senders:
        raise InvalidInput(
            f"The mask seeds of {len(senders)} of {len(sealed)} update participants cannot be opened, so the sum of "
            f"all masks is unknown. Their public keys: {', '.join(senders)}."
        )
    return seeds
