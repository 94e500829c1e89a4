"""The life of a phase: ask clients, absorb the events of combiners, follow clients that move. Used by every step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fednet import limits

from .events import (
    Answered,
    ClientJoined,
    Event,
    PhaseBegun,
    PhaseClosed,
    PhaseRefused,
    TimePassed,
    Unanswered,
    Unheard,
    Withdrawn,
)
from .orders import ClosePhase, ReleasePhase, StartPhase, WithdrawClients
from .scene import Scene
from .state import NOWHERE, Phase, Share

Shares = Mapping[str, Sequence[str]]
"""The ids of clients, by the combiner that asks them."""


def new_phase(scene: Scene, kind: str, phase_id: str, number: int) -> Phase:
    """Return a phase with the session's model for which nobody is asked yet."""
    return Phase(phase_id=phase_id, kind=kind, number=number, model=scene.session.model)


def ask(scene: Scene, phase: Phase, shares: Shares, deadline: float) -> None:
    """Ask clients for a phase, each at its combiner; clients that have answered are left alone.

    Args:
        scene: The scene.
        phase: A phase that is new, or is asked for again.
        shares: The clients.
        deadline: The time at which the step that waits for it has failed, in seconds since 1970.
    """
    tally = scene.tally(phase)
    asked = {
        combiner: [client for client in clients if client not in tally.answered]
        for combiner, clients in shares.items()
    }
    attempts = _leave_earlier_shares(scene, phase, asked)
    for combiner, clients in asked.items():
        if clients and combiner == NOWHERE:
            _extend(phase.shares.setdefault(NOWHERE, Share([])), clients)
        elif clients:
            _begin_share(scene, phase, combiner, clients, deadline, attempts.get(combiner, 0))
        for client in clients:
            tally.places[client] = combiner
    _share_partials(scene, phase, deadline)


def ask_again(scene: Scene, phase: Phase, combiner: str, deadline: float) -> None:
    """Repeat the orders that a combiner may not have heard."""
    share = phase.shares.get(combiner)
    if share is None:
        return
    if not share.closed:
        unanswered = _unanswered(scene, phase, share)
        scene.order(_start(scene, phase, combiner, unanswered, deadline))
        if phase.is_closing:
            scene.order(ClosePhase(combiner, phase.phase_id))
            return
        for client in unanswered:  # it may have moved while the combiner was away
            _follow(scene, phase, client, deadline)
    elif share.failure:  # it was silent, or had to fail: its answers may lie there after all
        ask(scene, phase, {combiner: list(share.clients)}, deadline)


def places(scene: Scene, clients: Iterable[str]) -> dict[str, list[str]]:
    """Return clients by the combiner that each has joined last; those at no combiner stand under NOWHERE."""
    found: dict[str, list[str]] = {}
    for client in clients:
        found.setdefault(scene.network.place(client) or NOWHERE, []).append(client)
    return found


def close_early(scene: Scene, phase: Phase) -> None:
    """Ask combiners to close a phase with the answers that are in."""
    if phase.is_closing:
        return
    phase.is_closing = True
    _close_share(scene, phase, NOWHERE, "these clients were at no combiner")
    scene.order(
        *(
            ClosePhase(combiner, phase.phase_id)
            for combiner, share in phase.shares.items()
            if not share.closed
        )
    )


def close_silent_shares(scene: Scene, phase: Phase) -> None:
    """Stop waiting for combiners that have not told their totals."""
    for combiner in phase.shares:
        _close_share(scene, phase, combiner, f"the combiner {combiner} was silent")


def release(scene: Scene, *phases: Phase) -> None:
    """Tell all combiners of these phases that they are over."""
    for phase in phases:
        scene.order(
            *(ReleasePhase(name, phase.phase_id) for name in phase.shares if name != NOWHERE)
        )
        scene.tallies.pop(phase.phase_id, None)


def absorb(scene: Scene, phase: Phase, event: Event, deadline: float) -> None:
    """Take in an event that may be about a phase; an outdated one changes nothing."""
    match event:
        case PhaseBegun(combiner, phase.phase_id):
            phase.begun += [] if combiner in phase.begun else [combiner]
        case Answered(phase.phase_id):
            scene.tally(phase).add(event)
        case Unanswered(phase.phase_id, client, lost_at=combiner) if combiner:
            phase.losses += 1
            scene.tally(phase).lose(client, combiner)
            _follow(scene, phase, client, deadline)
        case PhaseClosed(phase_id=phase.phase_id) | PhaseRefused(phase_id=phase.phase_id):
            _told_totals(scene, phase, event, deadline)
        case Withdrawn(combiner, phase.phase_id, clients):
            _move(scene, phase, combiner, sorted(clients), deadline)
        case ClientJoined(client=client):
            _follow(scene, phase, client, deadline)
            _leave_lost_combiners(scene, phase, deadline)
        case Unheard(StartPhase() | ClosePhase() | WithdrawClients() as order):
            if order.phase_id == phase.phase_id:
                _unheard(scene, phase, order, deadline)
        case TimePassed():
            _leave_lost_combiners(scene, phase, deadline)


def problem_of(phase: Phase, event: Event) -> str | None:
    """Return the reason, if a client tells why it has no answer for this phase."""
    if isinstance(event, Unanswered) and event.phase_id == phase.phase_id:
        return f"{event.name}: {event.message}"
    return None


def failures(phase: Phase) -> list[str]:
    """Return the reasons why combiners have no partial."""
    return [share.failure for share in phase.shares.values() if share.failure]


def noted(problems: Sequence[str], *new: str) -> list[str]:
    """Return the last problems together with new ones, each once."""
    others = [each for each in problems if each not in new]
    return [*others, *dict.fromkeys(new)][-limits.round_problems_max :]


def lost_at(scene: Scene, phase: Phase) -> list[float]:
    """Return the times at which absent combiners count as lost, one for each that the phase waits for."""
    seen = (
        scene.network.away_since(combiner)
        for combiner, share in phase.shares.items()
        if not share.closed
    )
    return [since + limits.combiner_away_seconds_max for since in seen if since is not None]


# Shares


def _leave_earlier_shares(scene: Scene, phase: Phase, asked: Shares) -> dict[str, int]:
    """Take clients out of the shares of other combiners; return the next attempts of shares that are dropped.

    A combiner that failed, or was silent, may have folded the client's update without our knowing. Its share is
    dropped, so that no update counts twice.
    """
    tally, attempts = scene.tally(phase), {}
    moves = [
        (client, tally.places[client])
        for combiner, clients in asked.items()
        for client in clients
        if tally.places.get(client, combiner) != combiner
    ]
    for client, before in moves:
        share = phase.shares.get(before)
        if share and share.failure and before != NOWHERE:
            attempts[before] = share.attempt + 1
            _drop_share(scene, phase, before)
        elif share and client in share.clients:
            share.clients.remove(client)
    return attempts


def _drop_share(scene: Scene, phase: Phase, combiner: str) -> None:
    del phase.shares[combiner]
    phase.losses += 1
    scene.tally(phase).void(combiner)
    scene.order(ReleasePhase(combiner, phase.phase_id))


def _begin_share(
    scene: Scene,
    phase: Phase,
    combiner: str,
    clients: Sequence[str],
    deadline: float,
    first_attempt: int,
) -> None:
    share = phase.shares.get(combiner)
    if share is None:
        phase.shares[combiner] = share = Share(list(clients), attempt=first_attempt)
    else:
        share.attempt += 1
        share.closed, share.failure = False, ""
        _extend(share, clients)
    phase.is_closing = False
    scene.network.miss(combiner, scene.now)
    scene.order(_start(scene, phase, combiner, clients, deadline))


def _extend(share: Share, clients: Iterable[str]) -> None:
    known = set(share.clients)
    share.clients += [client for client in clients if client not in known]


def _start(
    scene: Scene, phase: Phase, combiner: str, clients: Sequence[str], deadline: float
) -> StartPhase:
    seconds = max(1.0, deadline - limits.round_grace_seconds - scene.now)
    attempt = phase.shares[combiner].attempt
    return StartPhase(
        combiner, phase, attempt, tuple(clients), scene.id("round", phase.number), seconds
    )


def _share_partials(scene: Scene, phase: Phase, deadline: float) -> None:
    """Let partials go into the blob store once more than one combiner has a part."""
    combiners = [combiner for combiner in phase.shares if combiner != NOWHERE]
    if phase.is_shared or len(combiners) < 2:  # noqa: PLR2004  one and another
        return
    phase.is_shared = True
    already = {order.combiner for order in scene.decision.orders if isinstance(order, StartPhase)}
    for combiner in combiners:
        if combiner not in already:
            phase.shares[combiner].attempt += 1
            phase.shares[combiner].closed = False
            scene.order(_start(scene, phase, combiner, (), deadline))


def _unanswered(scene: Scene, phase: Phase, share: Share) -> list[str]:
    answered = scene.tally(phase).answered
    return [client for client in share.clients if client not in answered]


def _told_totals(
    scene: Scene, phase: Phase, event: PhaseClosed | PhaseRefused, deadline: float
) -> None:
    share = phase.shares.get(event.combiner)
    if share is None or share.closed or event.attempt < share.attempt:
        return
    if isinstance(event, PhaseRefused):
        _close_share(scene, phase, event.combiner, event.message)
    elif event.failure:
        _close_share(scene, phase, event.combiner, event.failure)
    else:
        share.closed, share.answers, share.weight = True, event.answers, event.weight
        share.partial = event.partial
        _move(scene, phase, event.combiner, _moved(scene, phase, event.combiner), deadline)


def _moved(scene: Scene, phase: Phase, combiner: str) -> list[str]:
    """Return the clients of a closed share that certainly have no answer there, and are elsewhere by now.

    A share closes once its last client is withdrawn, and its totals may come before the answer to the withdrawal.
    """
    share, answered = phase.shares[combiner], scene.tally(phase).answered
    if share.answers != sum(place == combiner for place in answered.values()):
        return []
    places = {client: scene.network.place(client) for client in _unanswered(scene, phase, share)}
    return [client for client, here in places.items() if here not in {None, combiner}]


def _close_share(scene: Scene, phase: Phase, combiner: str, failure: str) -> None:
    """Give up a share; its answers are in no partial and do not count."""
    share = phase.shares.get(combiner)
    if share is None or share.closed:
        return
    share.closed, share.failure, share.answers, share.weight = True, failure, 0, 0.0
    scene.tally(phase).void(combiner)


def _unheard(
    scene: Scene,
    phase: Phase,
    order: StartPhase | ClosePhase | WithdrawClients,
    deadline: float,
) -> None:
    """Give an order again; if its combiner is away, its return repeats the order."""
    if order.combiner not in scene.network.combiners:
        return
    ask_again(scene, phase, order.combiner, deadline)


# Clients that move


def _follow(scene: Scene, phase: Phase, client: str, deadline: float) -> None:
    """Let a client's task follow it, unless the combiner that asks it has its answer."""
    tally = scene.tally(phase)
    asking, here = tally.places.get(client), scene.network.place(client)
    if asking is None or here in {None, asking} or client in tally.answered:
        return
    if asking == NOWHERE:
        _move(scene, phase, NOWHERE, [client], deadline)
    elif not phase.shares[asking].closed and asking in scene.network.combiners:
        scene.order(WithdrawClients(asking, phase.phase_id, (client,)))


def _move(
    scene: Scene, phase: Phase, combiner: str, clients: Sequence[str], deadline: float
) -> None:
    """Ask clients at the combiner where they are now."""
    tally, share = scene.tally(phase), phase.shares.get(combiner)
    moving = [each for each in clients if tally.places.get(each) == combiner]
    if share is None or phase.is_closing or not moving:
        return
    share.clients = [client for client in share.clients if client not in set(moving)]
    if combiner == NOWHERE and not share.clients:
        del phase.shares[NOWHERE]
    ask(scene, phase, places(scene, moving), deadline)


def _leave_lost_combiners(scene: Scene, phase: Phase, deadline: float) -> None:
    """Ask the clients of a combiner elsewhere once it has been away for long and some are seen elsewhere."""
    for combiner, share in list(phase.shares.items()):
        since = scene.network.away_since(combiner)
        if share.closed or since is None or scene.now < since + limits.combiner_away_seconds_max:
            continue
        if any(scene.network.place(client) for client in share.clients):
            _drop_share(scene, phase, combiner)
            ask(scene, phase, places(scene, share.clients), deadline)
