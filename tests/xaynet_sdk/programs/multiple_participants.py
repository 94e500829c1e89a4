"""Three participants in one process; the model of the third one is too long."""

import logging
import sys

import xaynet_sdk

LOG = logging.getLogger(__name__)

MODELS = ([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4, 0.5])


class Participant(xaynet_sdk.ParticipantABC):
    """Knows its number and its model."""

    def __init__(self, number, model):
        self.number = number
        self.model = model
        super().__init__()

    def train_round(self, training_input):
        LOG.info("participant %s trains on %s", self.number, training_input)
        return self.model

    def serialize_training_result(self, training_result):
        return training_result

    def deserialize_training_input(self, global_model):
        return global_model


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    participants = [
        xaynet_sdk.spawn_participant(sys.argv[1], Participant, args=(number, model))
        for number, model in enumerate(MODELS)
    ]
    try:
        for participant in participants:
            participant.join()
    except KeyboardInterrupt:
        for participant in participants:
            participant.stop()
