"""What all sessions do with a phase: make it, ask for it, take in what combiners have of it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fednet import limits

from .events import PhaseClosed, ReleasePhase, StartPhase
from .state import AnySession, Phase, Share

Connected = Mapping[str, Mapping[str, frozenset[str]]]


def capable(connected: Connected, kind: str) -> dict[str, set[str]]:
    """The connected clients that can do this kind of task, by combiner."""
    return {
        combiner: {client for client, kinds in clients.items() if kind in kinds}
        for combiner, clients in connected.items()
    }


def new_phase(
    session: AnySession,
    kind: str,
    phase_id: str,
    shares: Mapping[str, Sequence[str]],
    now: float,
    *,
    number: int = 0,
) -> Phase:
    """A phase with the session's model, which nobody has been asked for yet.

    Args:
        session: Its session.
        kind: TRAIN, VALIDATE or PREDICT.
        phase_id: Its id.
        shares: The ids of its clients, by combiner.
        now: Seconds since 1970.
        number: Its round.
    """
    return Phase(
        phase_id=phase_id,
        kind=kind,
        number=number,
        model=session.model,
        deadline=deadline(session, now),
        shares=new_shares(shares),
    )


def new_shares(shares: Mapping[str, Sequence[str]]) -> dict[str, Share]:
    """What each combiner is asked for."""
    return {combiner: Share(list(clients)) for combiner, clients in shares.items()}


def deadline(session: AnySession, now: float) -> float:
    """Until when combiners are waited for that are asked now; they hold to round_timeout themselves."""
    return now + session.round_timeout + limits.round_grace_seconds


def starts(phase: Phase, round_id: str) -> list[StartPhase]:
    """Ask all combiners for a phase that have not said what they have."""
    return [
        StartPhase(combiner, phase, round_id)
        for combiner, share in phase.shares.items()
        if not share.closed
    ]


def closed_share(event: PhaseClosed) -> Share:
    """What a combiner has; where it failed, its answers are in no partial and do not count."""
    if event.failure:
        return failed_share(event.failure)
    return Share([], closed=True, answers=event.answers, weight=event.weight)


def failed_share(problem: str) -> Share:
    """Nothing, and why."""
    return Share([], closed=True, failure=problem)


def close_share(phase: Phase, combiner: str, closed: Share) -> None:
    """Take in what a combiner has; what it says again changes nothing."""
    share = phase.shares.get(combiner)
    if share and not share.closed:
        phase.shares[combiner] = replace(closed, clients=share.clients)


def close_silent_shares(phase: Phase) -> None:
    """The deadline has passed: nothing more is awaited of combiners that have not said what they have."""
    for combiner in phase.shares:
        close_share(phase, combiner, failed_share(f"the combiner {combiner} was silent"))


def failures(phase: Phase) -> list[str]:
    """Why combiners had nothing."""
    return [share.failure for share in phase.shares.values() if share.failure]


def noted(problems: Sequence[str], problem: str) -> list[str]:
    """The last problems with this one, each once."""
    others = [each for each in problems if each != problem]
    return [*others, problem][-limits.round_problems_max :]


def releases(phases: Iterable[Phase]) -> list[ReleasePhase]:
    """Tell all combiners of these phases that they are over."""
    return [ReleasePhase(combiner, phase.phase_id) for phase in phases for combiner in phase.shares]
