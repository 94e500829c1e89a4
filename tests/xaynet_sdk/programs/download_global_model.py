"""A participant that never trains, and writes each global model into a file."""

import json
import sys
from pathlib import Path

import xaynet_sdk


class Participant(xaynet_sdk.ParticipantABC):
    """Only downloads."""

    def train_round(self, training_input):
        """Is never called."""

    def serialize_training_result(self, training_result):
        """Is never called."""

    def deserialize_training_input(self, global_model):
        return global_model

    def participate_in_update_task(self):
        return False

    def on_new_global_model(self, global_model):
        if global_model is not None:
            Path("global_model.bin").write_text(json.dumps(global_model))


if __name__ == "__main__":
    participant = xaynet_sdk.spawn_participant(sys.argv[1], Participant)
    try:
        participant.join()
    except KeyboardInterrupt:
        participant.stop()
