"""Secure aggregation in a round: its terms, its record, and the messages to clients that follow. Pure functions.

`fednet.secure` has the protocols. The record of a round is made anew from its answers each time, so nothing of it is
stored twice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from fednet.contract import SecureOptions, SessionOptions
from fednet.secure import (
    TRAIN,
    MaskKey,
    RoundContext,
    RoundRecord,
    SecureProtocol,
    SecureTerms,
    protocol_of,
)

from .phases import places
from .scene import Scene
from .secure_terms import terms_for
from .state import Phase, SecureRound

Message = dict[str, Any]
SecureSteps = tuple[tuple[str, ...], tuple[str, ...]]


def new_secure_round(scene: Scene) -> SecureRound:
    """Return the attempt that begins with the drawn clients; the session's seed draws sum participants among them."""
    current = scene.round
    trainers = sorted(client for clients in current.choice.values() for client in clients)
    seed = f"{scene.session.seed}/helpers/{current.number}/{current.attempt}"
    helpers = random.Random(seed).sample(trainers, len(trainers))  # noqa: S311  a fair draw, no secret
    return SecureRound(scene.id("secure", current.number, current.attempt), trainers, helpers)


def look_around(scene: Scene) -> None:
    """Note which clients are connected: only they are asked from now on."""
    attempt = _attempt(scene)
    attempt.alive = [client for client in attempt.trainers if scene.network.place(client)]


def steps_of(options: SessionOptions, secrecy: SecureOptions) -> SecureSteps:
    """Return the names of the exchanges before the training, and of those after it."""
    protocol = protocol_of(terms_for(options, secrecy, options.requested_clients))
    return protocol.before, protocol.after


def record_of(scene: Scene) -> RoundRecord:
    """Return the record of the attempt under way."""
    current, secure = scene.round, _attempt(scene)
    return RoundRecord(
        context=RoundContext(scene.session.session_id, secure.round_id, _terms(scene)),
        chosen=tuple(secure.trainers),
        helpers=tuple(secure.helpers),
        answers={name: _values(scene, name) for name in current.exchanges},
        survivors=tuple(secure.counted.get(TRAIN, ())),
        assigned=dict(secure.subsets),
        alive=frozenset(secure.alive),
    )


def messages(scene: Scene, step: str) -> dict[str, Message]:
    """Return the message to each client that is asked in a step of the protocol.

    Raises:
        SecureRoundFailed: The round cannot go on; says why.
    """
    return dict(_protocol(scene).messages(step, record_of(scene)))


def mask(scene: Scene, phase: Phase) -> None:
    """Let the clients of a training mask their updates; those whose messages were bad are not asked.

    Raises:
        SecureRoundFailed: Too few are left.
    """
    if phase.secure:  # it comes from the session's document
        phase.messages = messages(scene, TRAIN)
        return
    look_around(scene)
    phase.messages, phase.secure = messages(scene, TRAIN), terms_text(scene)
    phase.is_shared = len(scene.network.combiners) > 1
    scene.round.choice = places(scene, phase.messages)


def mismatch(scene: Scene, phase: Phase) -> str:
    """Return the reason why a sum of masked updates, or of masks, cannot be used; "" if it can, or without masks.

    It must consist of just what news has come of: which masks are taken off follows from the news.
    """
    told = len(scene.tally(phase).answered)
    if not phase.secure or told == phase.answers:
        return ""
    return f"a sum has {phase.answers} answers to {phase.kind}, and news of {told} came"


def terms_text(scene: Scene) -> str:
    """Return the terms of the attempt under way, as a text."""
    return _terms(scene).text


def enough(scene: Scene, step: str) -> int:
    """Return the number of answers with which a step may end."""
    return _protocol(scene).enough(step, record_of(scene))


def offenders(scene: Scene) -> dict[str, str]:
    """Return the reason of each client whose answers are bad, by its id."""
    return _protocol(scene).problems(record_of(scene))


def keys_to_add(scene: Scene) -> list[MaskKey]:
    """Return the keys of the masks that are to be added to the sum of the updates.

    Raises:
        SecureRoundFailed: The answers do not give them.
    """
    return _protocol(scene).unmasking(record_of(scene))


def offences(scene: Scene) -> list[str]:
    """Return a line for each client whose answers are bad."""
    return [f"{client}: {why}" for client, why in offenders(scene).items()]


def count(scene: Scene, step: str, phase: Phase) -> None:
    """Let the answers of a step that is over count, and none that comes later."""
    _attempt(scene).counted[step] = sorted(scene.tally(phase).answered)


def others_are_away(scene: Scene, phase: Phase) -> bool:
    """Return True if some clients have not answered, and all of these are at no combiner: no answer will come soon."""
    missing = scene.tally(phase).missing()
    return bool(missing) and not any(scene.network.place(client) for client in missing)


def is_enough(scene: Scene, phase: Phase, step: str) -> bool:
    """Return True if an exchange must be closed early: enough have answered, and the others are away or in reserve."""
    tally = scene.tally(phase)
    are_in_reserve = step == "keys" and _terms(scene).sum_participants > 0 and bool(tally.missing())
    if not are_in_reserve and not others_are_away(scene, phase):
        return False
    return len(tally.values) >= enough(scene, step)


def _protocol(scene: Scene) -> SecureProtocol:
    return protocol_of(_terms(scene))


def _terms(scene: Scene) -> SecureTerms:
    session = scene.session
    assert session.options.secrecy, "only a session with secure aggregation asks"
    return terms_for(session.options, session.options.secrecy, len(_attempt(scene).trainers))


def _attempt(scene: Scene) -> SecureRound:
    assert scene.round.secure, "only a round with secure aggregation asks"
    return scene.round.secure


def _values(scene: Scene, step: str) -> dict[str, Mapping[str, Any]]:
    values = scene.tally(scene.round.exchanges[step]).values
    counted = _attempt(scene).counted[step]
    return {client: values[client].value for client in counted if client in values}
