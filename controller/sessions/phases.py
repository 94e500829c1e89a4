"""What all sessions do with a phase: plan it, ask for it, take in what combiners have of it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .events import PhaseClosed, ReleasePhase
from .state import Phase, Share

Connected = Mapping[str, Mapping[str, frozenset[str]]]


def capable(connected: Connected, kind: str) -> dict[str, set[str]]:
    """The connected clients that can do this kind of task, by combiner."""
    return {
        combiner: {client for client, kinds in clients.items() if kind in kinds}
        for combiner, clients in connected.items()
    }


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


def releases(phases: Iterable[Phase]) -> list[ReleasePhase]:
    """Tell all combiners of these phases that they are over."""
    return [ReleasePhase(combiner, phase.phase_id) for phase in phases for combiner in phase.shares]
