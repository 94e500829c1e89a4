"""The attempts at a round: the first one, and each next one after a pause that grows."""

from __future__ import annotations

from collections.abc import Mapping

from fednet import limits

from .phases import release
from .scene import Scene, model_id_in
from .secure import offenders
from .state import Round, Session


def first_attempt(scene: Scene) -> Round:
    """Return the next round of a session, at its first attempt."""
    session = scene.session
    number = session.number + 1
    return Round(
        id=scene.id("round", number),
        number=number,
        attempt=session.failures,
        model_id=model_id_in(session, number, session.failures),
        started_at=scene.now,
        functions_state=session.functions.state if session.functions else None,
    )


def rest_before_next_attempt(scene: Scene) -> None:
    """Take the failed attempt back, and let the round rest; its next attempt makes a model of another id."""
    session, current = scene.session, scene.round
    counted = max(session.failures - session.excused, 1)
    pause = limits.attempt_pause_seconds_first * 2.0 ** (counted - 1)
    current.rests_until = scene.now + min(pause, limits.attempt_pause_seconds_max)
    current.attempt = session.failures
    current.model_id = model_id_in(session, current.number, current.attempt)
    current.step, current.deadline, current.reducer = "", None, ""
    forget_attempt(session, current)
    if current.secure:
        _forget_masks(scene)


def forget_attempt(session: Session, current: Round) -> None:
    """Take back the server functions' memory of an attempt."""
    if functions := session.functions:
        functions.forget(current.functions_state)
        current.functions_state = functions.state


def _forget_masks(scene: Scene) -> None:
    """Give the answers of an attempt with secure aggregation up: each attempt has keys of its own."""
    current = scene.round
    current.excluded = sorted({*current.excluded, *offenders(scene)})
    release(scene, *current.phases)
    current.phase, current.secure = None, None
    current.parts, current.mask_parts, current.exchanges = [], [], {}


def reason_of_failure(session: Session, problem: str) -> str:
    """Return the reason of a session whose round has failed too often.

    Args:
        session: The session.
        problem: The problem of the last attempt.
    """
    failures = session.failures
    often = f" {failures} times; the last time" if failures > 1 else ":"
    return f"Round {session.number + 1} failed{often} {problem.rstrip('.')}."


def awaited_in_words(awaited: Mapping[str, int]) -> list[str]:
    """Return a sentence for each digest whose approval clients await.

    Args:
        awaited: The number of these clients, by digest.
    """
    return [
        f"{count} {'client waits' if count == 1 else 'clients wait'} for the approval of {digest}: their owners "
        f"run `fednet client review {digest}` and `fednet client approve {digest}` at their sites."
        for digest, count in awaited.items()
    ]
