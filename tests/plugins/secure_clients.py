"""Clients of a session's world that take part in secure aggregation; their model has three numbers."""

import json

import numpy as np
from secure_world import MemoryVault

from fednet.secure import Identity, Participant, add_masks


class SecureClients:
    """Participants in a world, each with a vault; they train a model of three numbers and a weight.

    Attributes:
        updates: The plain numbers that each client adds in each attempt at a round.
        masked: The masked vectors and the sums of masks, by phase and client.
        sums: For each merge, the clients in the sum.
        refusals: What clients have refused.
    """

    def __init__(self, names):
        self.vaults = {name: MemoryVault(name.encode().ljust(32, b"-")) for name in sorted(names)}
        self.updates, self.masked, self.sums, self.refusals = {}, {}, [], []

    def participant(self, client):
        """Return a client as it is after a restart."""
        identity = Identity(client.encode().ljust(32, b"."))
        return Participant(client, identity, self.vaults[client])

    def answer(self, client, kind, phase_id, message):
        """Return the value of an exchange; keep the vector of a masked training or of a sum of masks."""
        message, participant = json.loads(json.dumps(message)), self.participant(client)
        if kind == "EXCHANGE_SECURELY":
            return json.loads(json.dumps(participant.answer(message)))
        train = kind == "TRAIN_MASKED"
        keys = participant.masks_of_update(message) if train else participant.masks_of_sum(message)
        vector = np.zeros(4, np.uint32)
        if train:
            vector[:] = self.updates.setdefault(client, [7 * len(self.updates) + 1, 5, 3, 10])
        add_masks(vector, keys, "chacha20")
        self.masked[phase_id, client] = vector
        return {}

    def check_sum(self, current, answered):
        """Check that the sum of a merge, without its masks, is that of the plain updates."""
        (part,) = current.parts
        inside = answered(part)
        total = np.zeros(4, np.uint32)
        for client in inside:
            total += self.masked[part.phase_id, client]
        for masks in current.mask_parts:
            for client in answered(masks):
                total -= self.masked[masks.phase_id, client]
        add_masks(total, current.mask_keys, "chacha20")
        expected = sum(np.array(self.updates[client], np.uint32) for client in inside)
        assert (total == expected).all(), "the masks that are taken off are not those that are on"
        self.sums.append(inside)
