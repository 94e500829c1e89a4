"""Taking in what combiners tell: stored as documents, told to the sessions, and seen in who is connected."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import partial

from fednet import limits
from fednet.errors import FednetError, NotFound
from fednet.storage import Document
from fednet.wire import rounds_pb2

from ..presence import Presence
from ..records import Records
from ..registry import Registry
from . import news
from .actor import SessionActor
from .events import CombinerBack, Event
from .patience import controller_stops, insistently
from .running import RunningSessions
from .store import SessionStore

_log = logging.getLogger(__name__)


@dataclass
class _Read:
    """What a batch of news comes to: documents to write, and events for sessions."""

    documents: list[tuple[str, Document]] = field(default_factory=list)
    told: list[tuple[SessionActor, Event]] = field(default_factory=list)


class Intake:
    """Takes in the news of all combiners; each combiner's in their order.

    Args:
        records: The documents.
        registry: Where the clients' status is kept.
        presence: Who is connected; kept up to date.
        running: The sessions that are told.
        release: Lets a combiner forget a phase.
    """

    def __init__(
        self,
        records: Records,
        registry: Registry,
        presence: Presence,
        running: RunningSessions,
        release: Callable[[str, str], None],
    ) -> None:
        self._records = records
        self._store = SessionStore(records)
        self._registry = registry
        self._presence = presence
        self._running = running
        self._release = release
        self._names: dict[str, str] = {}
        self._epochs: dict[str, str] = {}

    def absorb(self, combiner: str, batch: list[rounds_pb2.Event]) -> None:
        """Store a batch of news; comes back when all that follows from it is stored.

        Raises:
            Unavailable: The controller is stopping; the news will be asked for again.
        """
        read = _Read()
        for event in batch:
            self._read_or_drop(combiner, event, read)
        self._insistently(lambda: self._store.add(read.documents))
        waiting = [actor.tell(event) for actor, event in read.told]
        try:
            for stored in waiting:
                stored.result()
        except CancelledError as error:
            raise controller_stops() from error

    def combiner_down(self, combiner: str) -> None:
        """A combiner is out of sight, and its clients with it."""
        gone = self._presence.combiner_down(combiner)
        if self._running.stopping.is_set():
            return  # the next controller begins with nobody online
        self._running.tell_network_changed()
        for client_id in gone:
            self._insistently(partial(self._mark, client_id, combiner, online=False))

    def _read_or_drop(self, combiner: str, event: rounds_pb2.Event, read: _Read) -> None:
        """News that can never be stored is dropped: it would keep all that comes after it away for ever."""
        try:
            self._insistently(lambda: self._read(combiner, event, read))
        except Exception as error:
            has_to_come_again = isinstance(error, FednetError) and error.retryable
            if has_to_come_again or not event.number:
                raise
            _log.exception("news %d of %s is dropped", event.number, combiner)

    def _read(self, combiner: str, event: rounds_pb2.Event, read: _Read) -> None:
        match event.WhichOneof("event"):
            case "snapshot":
                self._combiner_up(combiner, event.snapshot)
            case "client_joined":
                able = news.capabilities(event.client_joined)
                self._presence.client_joined(combiner, event.client_id, able)
                self._mark(event.client_id, combiner, online=True)
                self._running.tell_network_changed()
            case "client_left":
                self._presence.client_left(combiner, event.client_id)
                self._mark(event.client_id, combiner, online=False)
                self._running.tell_network_changed()
            case _:
                self._read_work(combiner, event, read)

    def _read_work(self, combiner: str, event: rounds_pb2.Event, read: _Read) -> None:
        name = self._client_name(event.client_id)
        if report := news.report(combiner, event, name):
            read.documents.append(report)
        read.documents += [("metrics", metric) for metric in news.metric_documents(event, name)]
        if status := news.status_document(combiner, self._epochs.get(combiner, ""), event, name):
            read.documents.append(("statuses", status))
        told = news.session_event(combiner, event, name)
        actor = self._running.actor(event.phase.session_id)
        if told and actor:
            read.told.append((actor, told))

    def _combiner_up(self, combiner: str, snapshot: rounds_pb2.Snapshot) -> None:
        clients = {id_: news.capabilities(told) for id_, told in snapshot.clients.items()}
        self._epochs[combiner] = snapshot.epoch
        self._presence.combiner_up(combiner, clients, allows_functions=snapshot.allows_functions)
        for client_id in clients:
            self._mark(client_id, combiner, online=True)
        self._release_forgotten(combiner, snapshot)
        self._running.tell_network_changed()
        self._running.tell_all(CombinerBack(combiner))

    def _release_forgotten(self, combiner: str, snapshot: rounds_pb2.Snapshot) -> None:
        """Phases that a combiner still holds and that no session waits for."""
        wanted = {
            phase.phase_id for session in self._running.sessions() for phase in session.phases()
        }
        for phase_id in snapshot.phases:
            if phase_id not in wanted:
                self._release(combiner, phase_id)

    def _mark(self, client_id: str, combiner: str, *, online: bool) -> None:
        try:
            if online:
                self._registry.client_online(client_id, combiner)
            else:
                self._registry.client_offline(client_id, combiner)
        except NotFound:
            _log.warning("%s serves a client %s that is not registered", combiner, client_id)

    def _client_name(self, client_id: str) -> str:
        if not client_id:
            return ""
        if client_id not in self._names:
            if len(self._names) >= limits.session_clients_max:
                self._names.clear()
            client = self._records.lookup("clients", client_id)
            self._names[client_id] = client["name"] if client else client_id
        return self._names.get(client_id, client_id)

    def _insistently(self, work: Callable[[], None]) -> None:
        if not insistently(work, self._running.stopping, "what combiners tell"):
            raise controller_stops()
