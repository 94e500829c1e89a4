"""A participant of Xaynet's published SDK, in a process of its own.

    python member.py URL SCALAR WEIGHTS

WEIGHTS is a list as JSON. It runs until it is killed.
"""

import json
import sys

from xaynet_sdk import ParticipantABC, spawn_participant


def main():
    url, scalar, weights = sys.argv[1:]

    class Member(ParticipantABC):
        """Returns always the same model."""

        def train_round(self, _training_input):
            return json.loads(weights)

        def serialize_training_result(self, training_result):
            return training_result

        def deserialize_training_input(self, global_model):
            return global_model

    spawn_participant(url, Member, scalar=float(scalar)).join()


if __name__ == "__main__":
    main()
