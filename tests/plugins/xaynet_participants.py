"""Participants of Xaynet's protocol that tests move step by step."""

import numpy as np

from fednet.xaynet import (
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
    chunks_of,
    derive_mask,
    is_eligible,
    mask,
    seal,
    seed_dictionary_from_bytes,
    sum_dictionary_from_bytes,
)


class Participant:
    """One participant with its weights.

    Attributes:
        key: Its identity.
        weights: Its local model.
        scalar: The weight of its model in the mean.
    """

    def __init__(self, weights, scalar=1.0):
        self.key = SignatureKey.generate()
        self.weights = weights
        self.scalar = scalar
        self.mask_seed = bytes(np.random.default_rng().bytes(32))
        self.sealing = SealingKey.generate()

    def task(self, parameters):
        """Its task in the round of these parameters; None if it has none."""
        sum_ticket = self.key.ticket(parameters.seed, Task.SUM)
        if is_eligible(sum_ticket, parameters.sum_probability):
            return Task.SUM
        update_ticket = self.key.ticket(parameters.seed, Task.UPDATE)
        is_chosen = is_eligible(update_ticket, parameters.update_probability)
        return Task.UPDATE if is_chosen else None

    def sum_payload(self, parameters):
        return SumPayload(self.key.ticket(parameters.seed, Task.SUM), self.sealing.public)

    def update_payload(self, parameters, sums):
        keys = sum_dictionary_from_bytes(sums)
        return UpdatePayload(
            self.key.ticket(parameters.seed, Task.SUM),
            self.key.ticket(parameters.seed, Task.UPDATE),
            mask(self.weights, self.scalar, self.mask_seed, parameters.config),
            {participant: seal(key, self.mask_seed) for participant, key in keys.items()},
        )

    def sum2_payload(self, parameters, seeds):
        total = MaskObject.zero(parameters.config, parameters.model_length)
        for sealed in seed_dictionary_from_bytes(seeds).values():
            opened = self.sealing.open(sealed)
            total.add(derive_mask(opened, parameters.config, parameters.model_length))
        return Sum2Payload(self.key.ticket(parameters.seed, Task.SUM), total)

    def sealed(self, parameters, tag, payload, *, is_multipart=False):
        """A payload as it is sent."""
        message = SignedMessage(
            self.key.public, parameters.public_key, tag, is_multipart, payload.to_bytes()
        )
        return seal(parameters.public_key, message.to_bytes(self.key))

    def sum_message(self, parameters):
        return self.sealed(parameters, Tag.SUM, self.sum_payload(parameters))

    def update_message(self, parameters, sums):
        return self.sealed(parameters, Tag.UPDATE, self.update_payload(parameters, sums))

    def sum2_message(self, parameters, seeds):
        return self.sealed(parameters, Tag.SUM2, self.sum2_payload(parameters, seeds))

    def in_parts(self, parameters, tag, payload, message_id=1, chunk_bytes=100):
        """A payload as chunks."""
        return [
            self.sealed(parameters, tag, chunk, is_multipart=True)
            for chunk in chunks_of(payload.to_bytes(), message_id, chunk_bytes)
        ]


def parameters_of(coordinator):
    """The parameters of the round under way."""
    return RoundParameters.from_bytes(coordinator.parameters())


def crowd(parameters, weights, sums=1, updates=3, scalars=(1.0, 0.5, 0.25)):
    """Participants who have the wanted tasks in this round: sum participants, then update participants."""
    chosen = {Task.SUM: [], Task.UPDATE: []}
    wanted = {Task.SUM: sums, Task.UPDATE: updates}
    while any(len(chosen[task]) < wanted[task] for task in wanted):
        participant = Participant(weights[0])
        task = participant.task(parameters)
        if task and len(chosen[task]) < wanted[task]:
            chosen[task].append(participant)
    for number, participant in enumerate(chosen[Task.UPDATE]):
        participant.weights = weights[number % len(weights)]
        participant.scalar = scalars[number % len(scalars)]
    return chosen[Task.SUM], chosen[Task.UPDATE]


def mean_of(participants):
    """The mean of their models, weighted by their scalars."""
    models = np.stack([each.weights for each in participants]).astype(np.float64)
    return np.average(models, axis=0, weights=[each.scalar for each in participants])
