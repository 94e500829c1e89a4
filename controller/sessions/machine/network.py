"""The combiners and clients that a session sees, kept up to date by the events of the network."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fednet import limits
from fednet.readiness import READY, Readiness

from .events import ClientJoined, ClientLeft, CombinerDown, CombinerUp, NetworkEvent

Capable = dict[str, set[str]]
"""The ids of clients that can do a kind of task, by combiner."""


@dataclass(frozen=True)
class _NotReady:
    """A client that cannot be asked for tasks yet.

    Attributes:
        kinds: The kinds of task that it will be able to do.
        since: The time of the begin, in seconds since 1970.
        digest: The digest whose approval it awaits; "" for a client that prepares.
    """

    kinds: frozenset[str]
    since: float
    digest: str


class Network:
    """A picture of the network in one session. A join costs the same however many clients there are.

    Args:
        session_id: The session.
        package: The SHA-256 of its package; "" without one.
    """

    def __init__(self, session_id: str = "", package: str = "") -> None:
        self._session_id = session_id
        self._package = package
        self._seen: dict[
            str, dict[str, frozenset[str]]
        ] = {}  # by client: its combiners, the newest last
        self._clients: dict[str, set[str]] = {}  # by connected combiner
        self._allowing: set[str] = set()
        self._away_since: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self._waiting: dict[str, _NotReady] = {}  # by client; it counts as able to do nothing

    def absorb(self, event: NetworkEvent, now: float) -> None:
        """Take in an event."""
        match event:
            case CombinerUp(combiner, clients, allows_functions, _, waiting):
                able = {
                    client: self._able(client, kinds, waiting.get(client, READY), now)
                    for client, kinds in clients.items()
                }
                self._combiner_up(combiner, able, allows_functions=allows_functions)
            case CombinerDown(combiner):
                self._combiner_down(combiner, now)
            case ClientJoined(combiner, client, kinds, readiness):
                self._clients.setdefault(combiner, set())
                self._see(client, combiner, self._able(client, kinds, readiness, now))
            case ClientLeft(combiner, client):
                self._lose(client, combiner)

    @property
    def combiners(self) -> set[str]:
        """The names of the connected combiners."""
        return set(self._clients)

    @property
    def allowing(self) -> set[str]:
        """The names of the connected combiners where server functions may run."""
        return self._allowing & self._clients.keys()

    def count(self, kind: str) -> int:
        """Count the connected clients that are ready for this kind of task."""
        return self._counts[kind]

    def count_preparing(self, kind: str, now: float) -> int:
        """Count the connected clients that will be ready for this kind of task, and have not prepared for too long."""
        earliest = now - limits.preparing_seconds_max
        return sum(
            kind in each.kinds and each.since > earliest and not each.digest
            for each in self._waiting.values()
        )

    def count_awaiting(self, kind: str) -> int:
        """Count the connected clients that can do this kind of task once their owner has approved a digest."""
        return self._awaiting(kind).total()

    def awaited(self, kind: str) -> dict[str, int]:
        """Return the number of these clients by digest, for the digests that most of them await."""
        return dict(self._awaiting(kind).most_common(limits.awaited_shown_digests_max))

    def _awaiting(self, kind: str) -> Counter[str]:
        return Counter(
            each.digest for each in self._waiting.values() if each.digest and kind in each.kinds
        )

    def capable(self, kind: str) -> Capable:
        """Return the connected clients that are ready for this kind of task, each where it joined last."""
        found: Capable = {combiner: set() for combiner in self._clients}
        for client, places in self._seen.items():
            combiner, kinds = next(reversed(places.items()))
            if kind in kinds:
                found[combiner].add(client)
        return found

    def place(self, client: str) -> str | None:
        """Return the combiner that the client joined last, if it is connected."""
        return next(reversed(self._seen.get(client, {})), None)

    def away_since(self, combiner: str) -> float | None:
        """Return the time at which a combiner went out of sight, in seconds since 1970; None while it is connected."""
        return self._away_since.get(combiner)

    def miss(self, combiner: str, now: float) -> None:
        """Count a combiner as away from now on, unless it is connected or already counts as away."""
        if combiner not in self._clients:
            self._away_since.setdefault(combiner, now)

    def _combiner_up(
        self, combiner: str, clients: dict[str, frozenset[str]], *, allows_functions: bool
    ) -> None:
        for gone in self._clients.get(combiner, set()) - clients.keys():
            self._lose(gone, combiner)
        self._clients.setdefault(combiner, set())
        self._away_since.pop(combiner, None)
        (self._allowing.add if allows_functions else self._allowing.discard)(combiner)
        for client, kinds in clients.items():
            self._see(client, combiner, kinds, is_newest=client not in self._seen)

    def _combiner_down(self, combiner: str, now: float) -> None:
        for client in list(self._clients.get(combiner, ())):
            self._lose(client, combiner)
        self._clients.pop(combiner, None)
        self._allowing.discard(combiner)
        self._away_since.setdefault(combiner, now)

    def _able(
        self, client: str, kinds: frozenset[str], readiness: Readiness, now: float
    ) -> frozenset[str]:
        """Return the kinds of task that a client can be asked for now; none while it waits for something."""
        digest = readiness.awaited_for(self._session_id, self._package)
        if not (readiness.step or digest):
            self._waiting.pop(client, None)
            return kinds
        earlier = self._waiting.get(client)
        self._waiting[client] = _NotReady(kinds, earlier.since if earlier else now, digest)
        return frozenset()

    def _see(
        self, client: str, combiner: str, kinds: frozenset[str], *, is_newest: bool = True
    ) -> None:
        places = self._seen.setdefault(client, {})
        self._count(client, -1)
        if is_newest:
            places.pop(combiner, None)
            places[combiner] = kinds
        elif combiner in places:
            places[combiner] = kinds
        else:
            self._seen[client] = {combiner: kinds, **places}
        self._clients[combiner].add(client)
        self._count(client, +1)

    def _lose(self, client: str, combiner: str) -> None:
        self._clients.get(combiner, set()).discard(client)
        if combiner not in self._seen.get(client, {}):
            return
        self._count(client, -1)
        del self._seen[client][combiner]
        if self._seen[client]:
            self._count(client, +1)
        else:
            del self._seen[client]
            self._waiting.pop(client, None)

    def _count(self, client: str, by: int) -> None:
        for kinds in list(self._seen[client].values())[-1:]:
            for kind in kinds:
                self._counts[kind] += by
