"""The sessions that this controller drives: each has its actor until it ends or another controller has it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from fednet.storage import Document
from fednet.traces import Traces

from ...feed.entries import EntryKind, session_ids
from ...feed.feed import Feed
from ...measures import ControllerMetrics
from ...presence import Capabilities, Presence, waiting_of
from ...records import Records
from ..machine.events import Began, CombinerUp, Event, NetworkEvent
from ..machine.state import Session, Status
from .actor import Give, Ports, SessionActor
from .answers import stored_events
from .commit import Commits
from .lost_time import LostTime
from .patience import Patience
from .requests import Sign


class RunningSessions:
    """The actors, and the present document of each session.

    Args:
        controller: This controller's name.
        records: The documents.
        presence: The connected combiners and clients.
        give: Gives orders to combiners.
        feed: Hears of every change of a session.
        sign: Signs the warrants of tasks.
        metrics: The controller's metrics.
        traces: Takes the spans of rounds.

    Attributes:
        stopping: Set once the controller stops.
        patience: Waits for the store, until the controller stops.
        lost_time: The time that counts for no deadline.
    """

    def __init__(
        self,
        controller: str,
        records: Records,
        presence: Presence,
        give: Give,
        feed: Feed,
        sign: Sign,
        metrics: ControllerMetrics,
        traces: Traces,
    ) -> None:
        self.stopping = threading.Event()
        self._controller = controller
        self._records = records
        self._presence = presence
        self._feed = feed
        self.lost_time = LostTime()
        self.patience = Patience(self.stopping, self.lost_time, metrics.store_retries.inc)
        self._commits = Commits(records)
        self._metrics = metrics
        self._ports = Ports(
            self._commits, give, self.patience, self.lost_time, self, sign, metrics, traces
        )
        self._actors: dict[str, SessionActor] = {}
        self._lock = threading.Lock()  # over _actors; nothing is waited for under it
        self._network = threading.Lock()

    def run(self, document: Document, away_seconds: float = 0.0) -> None:
        """Begin to drive a session that this controller owns, unless the controller stops.

        Args:
            document: The session's document.
            away_seconds: The time in which no controller drove it.

        Raises:
            pydantic.ValidationError, KeyError: Its state is not of this version.
        """
        ups: list[Event] = []

        def prelude(session: Session) -> Sequence[Event]:
            phases = [phase.phase_id for phase in session.phases()]
            answers = stored_events(self._records, phases) if phases else ()
            return [*ups, *answers, Began(away_seconds)]

        with self._network:
            ups += [_up(name, clients, self._presence) for name, clients in self._connected()]
            actor = SessionActor(document, self._controller, self._ports, prelude)
            with self._lock:
                if not self.stopping.is_set() and document["session_id"] not in self._actors:
                    self._actors[document["session_id"]] = actor
                    actor.start()

    def commit(self, document: Document, changes: Document) -> Document:
        """Change the document of a session without an actor; see `Commits.commit`."""
        committed = self._commits.commit(document, changes)
        self.tell_changed(committed)
        return committed

    def complete(self, document: Document) -> None:
        """Put the projections of the last commit of a session that has ended."""
        self._commits.complete(document)
        self.tell_changed(self._commits.settle(document))

    def stop(self) -> None:
        """End all threads; the sessions go on when a controller takes them up again."""
        with self._lock:
            self.stopping.set()
            actors = list(self._actors.values())
        for actor in actors:
            actor.stop()
        self.lost_time.close()

    def actor(self, session_id: str) -> SessionActor | None:
        """Return the actor of a session, if there is one here."""
        with self._lock:
            return self._actors.get(session_id)

    def actors(self) -> list[SessionActor]:
        """Return all actors."""
        with self._lock:
            return list(self._actors.values())

    def is_owned(self, session_id: str, owner: Mapping[str, str]) -> bool:
        """Return True if the store still names this owner of a session."""
        stored = self._records.lookup_natural("sessions", session_id)
        return stored is not None and stored.get("owner") == owner

    def document(self, session_id: str) -> Document:
        """Return a session's document, from memory while it runs here.

        Raises:
            NotFound: There is no such session.
        """
        actor = self.actor(session_id)
        return actor.document if actor else self._records.get("sessions", session_id)

    @contextmanager
    def network_changes(self) -> Iterator[None]:
        """Let the network change, and tell the sessions, while no session begins in between."""
        with self._network:
            yield

    def tell_all(self, event: NetworkEvent) -> None:
        """Tell every session; within `network_changes`."""
        for actor in self.actors():
            actor.tell(event)

    # The actors' listener

    def stored(self, document: Document) -> None:
        """Hear that a session's document was stored."""
        if Status(document["status"]).is_final:
            with self._lock:
                self._actors.pop(document["session_id"], None)
        self.tell_changed(document)

    def lost(self, actor: SessionActor) -> None:
        """Hear that another controller drives an actor's session."""
        session_id = actor.session.session_id
        with self._lock:
            if self._actors.get(session_id) is actor:
                del self._actors[session_id]
                self._metrics.sessions_lost.inc()

    def tell_changed(self, document: Document) -> None:
        """Append a session's change to the feed, once it is stored."""
        self._feed.append(EntryKind.SESSION_CHANGED, **session_ids(document))

    def _connected(self) -> list[tuple[str, dict[str, Capabilities]]]:
        return list(self._presence.connected().items())


def _up(combiner: str, clients: dict[str, Capabilities], presence: Presence) -> CombinerUp:
    kinds = {client: able.kinds for client, able in clients.items()}
    allows = combiner in presence.allowing_functions()
    return CombinerUp(combiner, kinds, allows, waiting=waiting_of(clients))
