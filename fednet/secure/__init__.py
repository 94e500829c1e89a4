"""Secure aggregation: the combiner and the controller learn the sum of the updates, and no single one.

Everything here is pure: messages in, messages or masks out. `terms` has what a round agrees on, `protocols` the
controller's side, `participant` the client's; `pet` and `secagg` are the two protocols.
"""

from fednet.secure.distributed_privacy import noise_multiplier_of_sum
from fednet.secure.identities import Identity
from fednet.secure.masks import MaskKey, add_masks
from fednet.secure.participant import Participant
from fednet.secure.protocols import SecureProtocol, protocol_of
from fednet.secure.rounds import TRAIN, RoundContext, RoundRecord
from fednet.secure.terms import SecureTerms, usual_neighbours

__all__ = [
    "TRAIN",
    "Identity",
    "MaskKey",
    "Participant",
    "RoundContext",
    "RoundRecord",
    "SecureProtocol",
    "SecureTerms",
    "add_masks",
    "noise_multiplier_of_sum",
    "protocol_of",
    "usual_neighbours",
]
