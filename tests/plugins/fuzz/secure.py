"""Targets of secure aggregation: the messages that a client gets, and the answers that a controller gets."""

import json
from dataclasses import replace
from pathlib import Path

from secure_world import SecureClient, SecureWorld, pet_terms, secagg_terms

from fednet.errors import InvalidInput, PermissionDenied, SecureRoundFailed
from fednet.secure.rounds import TRAIN

from .target import Target

_TERMS = (pet_terms(4), secagg_terms(4))
_CLIENT = "client0"
_NO_JSON = (json.JSONDecodeError, UnicodeDecodeError, RecursionError)


def _finished() -> list[SecureWorld]:
    worlds = [SecureWorld(terms) for terms in _TERMS]
    for world in worlds:
        world.run()
        world.record = replace(world.record, assigned={})
    return worlds


def _steps_of(world: SecureWorld) -> list[str]:
    return [*world.protocol.before, TRAIN, *world.protocol.after]


def _message_seeds(_folder: Path) -> list[bytes]:
    return [
        json.dumps(world.protocol.messages(step, world.record)[_CLIENT]).encode()
        for world in _finished()
        for step in _steps_of(world)
    ]


def _feed_message(content: bytes, _folder: Path) -> None:
    message = json.loads(content)
    if not isinstance(message, dict):
        return  # the border of the client refuses it
    client = SecureClient(_CLIENT, 0)
    if message.get("step") == TRAIN:
        client.participant.masks_of_update(message)
    elif message.get("step") == "masks":
        client.participant.masks_of_sum(message)
    else:
        json.dumps(client.participant.answer(message))


def _answer_seeds(_folder: Path) -> list[bytes]:
    return [
        json.dumps({"at": number, "step": step, "answer": answers[_CLIENT]}).encode()
        for number, world in enumerate(_finished())
        for step, answers in world.record.answers.items()
    ]


class _Rounds:
    """Finished rounds, into which one damaged answer goes at a time."""

    def __init__(self) -> None:
        self._worlds: list[SecureWorld] = []

    def feed(self, content: bytes, _folder: Path) -> None:
        self._worlds = self._worlds or _finished()
        match json.loads(content):
            case {"at": 0 | 1 as at, "step": str(step), "answer": dict(answer)}:
                self._replace(self._worlds[at], step, answer)

    @staticmethod
    def _replace(world: SecureWorld, step: str, answer: dict) -> None:
        answers = {
            **world.record.answers,
            step: {**world.record.answers.get(step, {}), _CLIENT: answer},
        }
        record = replace(world.record, answers=answers)
        problems = world.protocol.problems(record)
        assert problems.keys() <= {_CLIENT, *world.names}
        for each in _steps_of(world):
            world.protocol.messages(each, record)
        world.protocol.unmasking(record)


TARGETS = [
    Target(
        "secure-message",
        _feed_message,
        _message_seeds,
        (*_NO_JSON, InvalidInput, PermissionDenied),
    ),
    Target("secure-answer", _Rounds().feed, _answer_seeds, (*_NO_JSON, SecureRoundFailed)),
]
