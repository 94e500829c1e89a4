"""A participant that trains only where its battery allows it."""

import sys
from random import randint

import xaynet_sdk


class Participant(xaynet_sdk.ParticipantABC):
    """Skips some of the rounds."""

    def train_round(self, training_input):
        return [0.1, 0.2, 0.3, 0.4] if training_input is None else training_input

    def serialize_training_result(self, training_result):
        return training_result

    def deserialize_training_input(self, global_model):
        return global_model

    def participate_in_update_task(self):
        return randint(1, 100) >= 20


if __name__ == "__main__":
    participant = xaynet_sdk.spawn_participant(sys.argv[1], Participant)
    try:
        participant.join()
    except KeyboardInterrupt:
        participant.stop()
