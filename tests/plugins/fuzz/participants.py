"""The target that reads saved states of participants."""

from pathlib import Path

import numpy as np

from fednet.client.participant import ParticipantRestore
from fednet.client.participant.state import State
from fednet.client.participant.values import Phase, Standing
from fednet.digests import sha256_of
from fednet.xaynet import (
    BoundType,
    DataType,
    GroupType,
    MaskConfig,
    ModelType,
    RoundParameters,
    SealingKey,
    SignatureKey,
)

from .target import Target

HEAD = b"FNPS\x01"
HEAD_BYTES = len(HEAD) + 32
CONFIG = MaskConfig(GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3)
PARAMETERS = RoundParameters(b"k" * 32, 0.5, 0.9, b"s" * 32, CONFIG, 3)


def feed_state(content: bytes, _folder: Path) -> None:
    """Read a state behind a checksum that holds: without it every damage would stop there."""
    State.from_list(list(HEAD + bytes.fromhex(sha256_of(content)) + content))


def state_seeds(_folder: Path) -> list[bytes]:
    standings = [
        Standing(),
        Standing(Phase.SUM2, PARAMETERS, SealingKey(b"e" * 32), None, b"message"),
        Standing(Phase.UPDATE, PARAMETERS, model=np.array([0.5, 1.0], np.float32)),
    ]
    identity = SignatureKey(b"i" * 32)
    states = [State(identity, 0.5, standing).to_list() for standing in standings]
    return [bytes(state)[HEAD_BYTES:] for state in states]


TARGETS = [Target("participant-state", feed_state, state_seeds, (ParticipantRestore,))]
