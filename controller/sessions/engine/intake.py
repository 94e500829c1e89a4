"""The intake of combiners' news: stored as documents, counted in presence, told to the sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field

from fednet import limits
from fednet.log_context import in_context, logged_as
from fednet.storage import Document, Query

from ...client_statuses import ClientStatuses
from ...feed.entries import EntryKind
from ...feed.feed import Feed
from ...presence import Capabilities, Presence, waiting_of
from ...records import Records
from ..machine.events import ClientJoined, ClientLeft, CombinerDown, CombinerUp, Event
from ..machine.state import Status
from . import reports
from .additions import add
from .answers import forget_lost, forget_moved
from .news import ClientGone, ClientSeen, CombinerStops, News, PresenceNews, Snapshot, TaskFailed
from .patience import controller_stops
from .placed import misplaced, without
from .running import RunningSessions

_log = logging.getLogger(__name__)

Release = Callable[[str, str, str, int], None]
"""Lets a combiner forget a phase of a session without a driver: combiner, session, phase, the session's term."""

SendAway = Callable[[str, Collection[str]], None]
"""Lets a combiner end the streams of clients: the combiner, the ids of the clients."""


@dataclass
class _Batch:
    """The consequences of a batch of news.

    Attributes:
        lost: The news of answers that count no more; their documents go before the others are written.
        then: Told in their order once the documents are stored.
    """

    documents: list[tuple[str, Document]] = field(default_factory=list)
    lost: list[News] = field(default_factory=list)
    then: list[Callable[[], Future[None] | None]] = field(default_factory=list)

    def then_call(self, tell: Callable[[], Future[None] | None]) -> None:
        """Call a function once the documents are stored, with the present context of the log."""
        self.then.append(in_context(tell))

    def lose(self, news: News) -> None:
        """Forget an answer, stored or about to be."""
        self.documents = [
            (collection, each)
            for collection, each in self.documents
            if (collection, each["id"]) != ("answers", news.task)
        ]
        self.lost.append(news)


class Intake:
    """The intake of all combiners' news; each combiner's news stays in its order.

    News of sessions that another controller drives is stored here too, because no other controller gets it.

    Args:
        records: The documents.
        presence: The connected combiners and clients; kept up to date.
        running: The sessions that are told.
        release: Lets a combiner forget a phase.
        send_away: Lets a combiner end the streams of clients that are not placed on it.
        feed: Hears who comes and goes.
    """

    def __init__(
        self,
        records: Records,
        presence: Presence,
        running: RunningSessions,
        release: Release,
        send_away: SendAway,
        feed: Feed,
    ) -> None:
        self._feed = feed
        self._records = records
        self._presence = presence
        self._running = running
        self._release = release
        self._send_away = send_away
        self._names: dict[str, str] = {}
        self._epochs: dict[str, str] = {}

    def absorb(self, combiner: str, news: Sequence[News]) -> None:
        """Store a batch of news; return once all consequences are stored.

        Raises:
            Unavailable: The controller is stopping, or has given up a session; the news will be asked for again.
        """
        self._insist(
            lambda: self._learn_names(
                {each.client for each in news if not isinstance(each.what, PresenceNews)}
            )
        )
        batch, statuses = _Batch(), self._new_statuses()
        for each in self._placed(combiner, news):
            with logged_as(
                session=each.session_id,
                round_number=each.round_number,
                task=each.task,
                client=each.client,
            ):
                self._read(combiner, each, batch, statuses)
        self._insist(lambda: forget_lost(self._records, batch.lost))
        self._insist(lambda: forget_moved(self._records, batch.documents))
        self._insist(lambda: add(self._records, batch.documents))
        waiting = [stored for tell in batch.then if (stored := tell())]
        self._insist(statuses.write)
        try:
            for stored in waiting:
                stored.result()
        except CancelledError as error:
            raise controller_stops() from error

    def _placed(self, combiner: str, news: Sequence[News]) -> Sequence[News]:
        """Return the news without clients that are placed elsewhere, and let the combiner send these away."""
        found: list[set[str]] = []
        self._insist(lambda: found.append(misplaced(self._records, combiner, news)))
        foreign = found[-1]
        if not foreign:
            return news
        self._send_away(combiner, foreign)
        return without(news, foreign)

    def combiner_down(self, combiner: str) -> None:
        """Note that a combiner is out of sight, and its clients with it."""
        with self._running.network_changes():
            gone = self._presence.combiner_down(combiner)
            self._running.tell_all(CombinerDown(combiner))
        _log.info("disconnected from the combiner %s, which had %d clients", combiner, len(gone))
        self._feed.append(EntryKind.COMBINER_DOWN, combiner=combiner)
        if self._running.stopping.is_set():
            return  # the next controller learns from the combiner who is connected
        statuses = self._new_statuses()
        for client_id in gone:
            statuses.offline(client_id, combiner)
        self._insist(statuses.write)

    # News

    def _read(self, combiner: str, news: News, batch: _Batch, statuses: ClientStatuses) -> None:
        match news.what:
            case Snapshot() as snapshot:
                self._epochs[combiner] = snapshot.epoch
                self._insist(lambda: self._note_clients(combiner, snapshot, statuses))
                batch.then_call(lambda: self._combiner_up(combiner, snapshot))
            case CombinerStops():
                batch.then_call(lambda: self._combiner_stops(combiner))
            case ClientSeen(capabilities):
                statuses.online(news.client, combiner)
                batch.then_call(lambda: self._joined(combiner, news.client, capabilities))
            case ClientGone():
                statuses.offline(news.client, combiner)
                batch.then_call(lambda: self._left(combiner, news.client))
            case _:
                self._read_work(combiner, news, batch)

    def _read_work(self, combiner: str, news: News, batch: _Batch) -> None:
        """Read news of work; drop unreadable news, which would hold up all news after it for ever."""
        name = self._names.get(news.client, news.client)
        try:
            documents = reports.documents_of(news, self._epochs.get(combiner, ""), name)
            event = reports.event_of(news, name)
        except Exception:  # noqa: BLE001  whatever it is
            _log.exception("news %d of %s is dropped", news.number, combiner)
            return
        if isinstance(news.what, TaskFailed) and news.what.is_answer_lost:
            batch.lose(news)
        batch.documents += documents
        if event:
            batch.then_call(lambda: self._tell(news.session_id, event))

    def _tell(self, session_id: str, event: Event) -> Future[None] | None:
        actor = self._running.actor(session_id)
        return actor.tell(event) if actor else None

    def _joined(self, combiner: str, client: str, capabilities: Capabilities) -> None:
        self._log_state(combiner, client, capabilities)
        with self._running.network_changes():
            self._presence.client_joined(combiner, client, capabilities)
            self._running.tell_all(
                ClientJoined(combiner, client, capabilities.kinds, capabilities.readiness)
            )

    def _log_state(self, combiner: str, client: str, capabilities: Capabilities) -> None:
        name = self._named(client)
        readiness = capabilities.readiness
        if readiness.step:
            _log.info("client %s prepares for tasks: %s", name, readiness.step)
        elif readiness.awaited:
            awaited = ", ".join(each.digest for each in readiness.awaited)
            _log.info("client %s awaits the approval of %s", name, awaited)
        elif self._presence.combiner_of(client) == combiner:
            _log.info("client %s is ready for tasks", name)
        else:
            _log.info("client %s is connected to the combiner %s", name, combiner)

    def _left(self, combiner: str, client: str) -> None:
        _log.info("client %s has left the combiner %s", self._named(client), combiner)
        with self._running.network_changes():
            self._presence.client_left(combiner, client)
            self._running.tell_all(ClientLeft(combiner, client))

    def _named(self, client: str) -> str:
        """Return a client's name and id, for the log."""
        name = self._names.get(client)
        return f"{name} ({client})" if name else client

    # Combiners

    def _combiner_up(self, combiner: str, snapshot: Snapshot) -> None:
        allows = snapshot.allows_functions
        kinds = {client: able.kinds for client, able in snapshot.clients.items()}
        waiting = waiting_of(snapshot.clients)
        with self._running.network_changes():
            self._presence.combiner_up(
                combiner,
                snapshot.clients,
                allows_functions=allows,
                is_stopping=snapshot.is_stopping,
            )
            driven = {actor.session.session_id: actor for actor in self._running.actors()}
            for session_id, actor in driven.items():
                held = snapshot.held.get(session_id, frozenset())
                actor.tell(CombinerUp(combiner, kinds, allows, held, waiting))
        _log.info("connected to the combiner %s, which has %d clients", combiner, len(kinds))
        self._feed.append(EntryKind.COMBINER_UP, combiner=combiner)
        for session_id in snapshot.held.keys() - driven.keys():
            self._release_in_vain(combiner, session_id, snapshot.held[session_id])

    def _combiner_stops(self, combiner: str) -> None:
        self._presence.combiner_stops(combiner)
        _log.info("the combiner %s stops: its clients go to others", combiner)

    def _release_in_vain(self, combiner: str, session_id: str, phases: Collection[str]) -> None:
        """Release the phases of a session that has ended or is gone; all others belong to their driver."""
        found: list[Document | None] = []
        self._insist(lambda: found.append(self._records.lookup_natural("sessions", session_id)))
        session = found[-1]
        if session is None or Status(session["status"]).is_final:
            term = session.get("term", 0) if session else 0
            for phase_id in sorted(phases):
                self._release(combiner, session_id, phase_id, term + 1)

    def _note_clients(self, combiner: str, snapshot: Snapshot, statuses: ClientStatuses) -> None:
        """Note the connected clients, and those that have left though the documents call them connected."""
        where = {"combiner": combiner, "status": "online"}
        for client in self._records.find("clients", Query(where=where)):
            if client["id"] not in snapshot.clients:
                statuses.offline(client["id"], combiner)
        for client_id in snapshot.clients:
            statuses.online(client_id, combiner)

    def _new_statuses(self) -> ClientStatuses:
        return ClientStatuses(self._records, self._feed.client_seen)

    def _learn_names(self, client_ids: set[str]) -> None:
        missing = sorted(client_ids - self._names.keys() - {""})
        if len(self._names) + len(missing) > limits.session_clients_max:
            self._names = {}
        for first in range(0, len(missing), limits.page_items_max):
            some = missing[first : first + limits.page_items_max]
            found = self._records.find("clients", Query(where={"id": some}))
            self._names |= {client["id"]: client["name"] for client in found}

    def _insist(self, work: Callable[[], None]) -> None:
        if not self._running.patience.insist(work, "the intake of news"):
            raise controller_stops()
