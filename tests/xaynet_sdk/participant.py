"""A participant of Xaynet's published SDK, in a process of its own; each line of its output is JSON.

    python participant.py URL SCALAR WEIGHTS

WEIGHTS is a list as JSON. It runs until it is killed.
"""

import json
import sys
import threading

from xaynet_sdk import ParticipantABC, spawn_participant


def tell(**said):
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


class Published(ParticipantABC):
    """The user's part of a participant."""

    def __init__(self, weights):
        self.weights = weights

    def train_round(self, training_input):
        tell(event="train", model=training_input)
        return self.weights

    def serialize_training_result(self, training_result):
        return training_result

    def deserialize_training_input(self, global_model):
        return global_model

    def on_new_global_model(self, global_model):
        tell(event="model", model=global_model)


def main():
    url, scalar, weights = sys.argv[1:]
    handle = spawn_participant(url, Published, args=(json.loads(weights),), scalar=float(scalar))
    known = None
    while handle.is_alive():
        task = handle._xaynet_participant.task()
        if task != known:
            known = task
            tell(event="task", task=("none", "sum", "update")[task])
        threading.Event().wait(0.05)


if __name__ == "__main__":
    main()
