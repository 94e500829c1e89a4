"""A participant that returns the same model in each round, and writes each global model into a file."""

import json
import logging
import sys
from pathlib import Path

import xaynet_sdk

LOG = logging.getLogger(__name__)


class Participant(xaynet_sdk.ParticipantABC):
    """Knows its model beforehand."""

    def __init__(self, model):
        self.model = model
        super().__init__()

    def train_round(self, training_input):
        LOG.info("trains on %s", training_input)
        return self.model

    def serialize_training_result(self, training_result):
        return training_result

    def deserialize_training_input(self, global_model):
        return global_model

    def on_new_global_model(self, global_model):
        if global_model is not None:
            Path("global_model.bin").write_text(json.dumps(global_model))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    participant = xaynet_sdk.spawn_participant(
        sys.argv[1], Participant, args=([0.1, 0.2, 0.3, 0.4],)
    )
    try:
        participant.join()
    except KeyboardInterrupt:
        participant.stop()
